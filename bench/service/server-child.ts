/** A server over a collection, in a process of its own, until its parent lets go of it. */
import { Collection } from '../../src/collection/collection.js';
import { createEngine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/types.js';
import { serve, type ServeOptions } from '../../src/server/serve.js';

export interface ServerJob {
  folder: string;
  engine?: Pick<EngineOptions, 'llm'>;
  serve?: Omit<ServeOptions, 'engine' | 'port'>;
}

const job = JSON.parse(process.argv[2] ?? '') as ServerJob;
const collection = await Collection.open(job.folder);
const engine = createEngine({ collection, ...job.engine });
const server = await serve({ engine, port: 0, logLevel: false, rateLimit: false, ...job.serve });

// Asked for its memory: without what the next collection would free.
process.on('message', () => {
  (globalThis as { gc?: () => void }).gc?.();
  process.send?.({ rss: process.memoryUsage.rss() });
});
process.once('disconnect', () => {
  void server
    .close()
    .then(() => engine.close())
    .then(() => collection.close());
});
process.send?.({ url: server.url });
