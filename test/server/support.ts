/** A server over a small collection, and calls to it. */
import type { Engine } from '../../src/engine/engine.js';
import type { EngineOptions, StreamEvent } from '../../src/engine/types.js';
import { serve, type ServeOptions, type Server } from '../../src/server/serve.js';
import type { Collection } from '../../src/collection/collection.js';
import { createParser } from 'eventsource-parser';
import { suiteFolder } from '../lib/support.js';
import { Opened } from '../support/service.js';

export interface Started {
  server: Server;
  engine: Engine;
  collection: Collection;
  url: string;
}

type StartOptions = Partial<Omit<ServeOptions, 'engine'>> & { engine?: Partial<EngineOptions> };

export async function start(
  opened: Opened,
  collection: Collection,
  { engine: settings, ...options }: StartOptions = {},
): Promise<Started> {
  const engine = opened.engine(collection, settings);
  const server = opened.also(await serve({ engine, port: 0, logLevel: false, rateLimit: false, ...options }));
  return { server, engine, collection, url: server.url };
}

export interface ServerSuite {
  folder: (name: string) => string;
  /** Closed after each test. */
  opened: Opened;
  /** A collection for tests that only ask. */
  shared: () => Collection;
  /** A server over that collection. */
  asking: (options?: StartOptions) => Promise<Started>;
  /** A server over a collection of its own. */
  writing: (options?: StartOptions) => Promise<Started>;
}

/** What the suites of the server have in common: called within `describe`. */
export function serverSuite(): ServerSuite {
  const folder = suiteFolder();
  const opened = new Opened();
  const all = new Opened();
  let count = 0;
  let shared: Collection;
  before(async () => (shared = await all.collection(folder('shared'))));
  after(() => all.close());
  afterEach(() => opened.close());
  return {
    folder,
    opened,
    shared: () => shared,
    asking: (options) => start(opened, shared, options),
    writing: async (options) => start(opened, await opened.collection(folder(`s${count++}`)), options),
  };
}

export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string> | undefined) },
  });
}

export async function body<T = Record<string, unknown>>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

export interface FailureBody {
  error: { code: string; message: string; expected?: string; actual?: string };
}

export async function* eventsOf<T = StreamEvent>(response: Response): AsyncGenerator<T> {
  const waiting: T[] = [];
  const parser = createParser({ onEvent: ({ data }) => waiting.push(JSON.parse(data) as T) });
  const decoder = new TextDecoder();
  for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* waiting.splice(0);
  }
}

export async function allEvents<T = StreamEvent>(response: Response): Promise<T[]> {
  const found: T[] = [];
  for await (const event of eventsOf<T>(response)) found.push(event);
  return found;
}

/** Waits until something holds; says what did not when it never does. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
