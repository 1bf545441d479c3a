/**
 * Reads files with workers that may hang, run out of memory or die, each at the cost of its own file only. When all workers die
 * together, the files that they read are read again one at a time, and the one that does it again is found out.
 */
import { fileURLToPath } from 'node:url';
import { QuiverError } from '../../lib/errors.js';
import { fileError } from '../vectors/errors.js';
import { HostDied, startHost } from './host.js';
import type { Host, Take } from './host.js';
import { toPlainError } from './messages.js';
import type { HostSettings, Job, Outcome } from './messages.js';
import { MEBIBYTE } from './options.js';

export interface Pool {
  /** Reads a file. Rejects only with what `take` threw, and when no process can be started. */
  run: (job: Job, take: Take) => Promise<Outcome>;
  /** Ends all work at once. Twice is fine. */
  close: () => Promise<void>;
}

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export function createPool(options: Omit<HostSettings, 'worker'> & { worker?: string }): Pool {
  const settings: HostSettings = { worker: WORKER, ...options };
  let starting: Promise<Host> | undefined;
  let host: Host | undefined;
  let closed = false;
  /** Resolves when nothing is read alone any more. */
  let alone: Promise<unknown> = Promise.resolve();

  const living = async (): Promise<Host> => {
    if (closed) throw new QuiverError('E_CLOSED', 'The pool of readers is closed.');
    if (host?.isDead() === true) starting = host = undefined;
    starting ??= startHost(settings).then((started) => (host = started));
    return starting;
  };

  /** Starts only when nobody has to be alone. */
  const whenFree = async (): Promise<void> => {
    let seen: Promise<unknown>;
    do {
      seen = alone;
      await seen;
    } while (seen !== alone);
  };

  return {
    async run(job, take) {
      let taken = 0;
      await whenFree();
      try {
        const first = await living();
        return await first.run(job, async (batch) => {
          await take(batch);
          taken++;
        });
      } catch (error) {
        if (!(error instanceof HostDied) || closed) throw error;
      }
      // The same batches come again: those that were taken are passed over.
      const again = alone.then(async () => {
        let passed = 0;
        return (await living()).run(job, (batch) => (passed++ < taken ? Promise.resolve() : take(batch)));
      });
      alone = again.catch(() => undefined);
      try {
        return await again;
      } catch (error) {
        if (!(error instanceof HostDied) || closed) throw error;
        const failure = killer(job, error, settings);
        return { kind: 'failed', error: toPlainError(failure, () => failure), bytes: 0 };
      }
    },
    async close() {
      closed = true;
      const last = await starting?.catch(() => undefined);
      await last?.close();
    },
  };
}

function killer({ id }: Job, died: HostDied, { read }: HostSettings): QuiverError {
  if (died.outOfMemory) {
    return fileError('E_OUT_OF_MEMORY', id, 'the file needs too much memory: its reader was ended', {
      expected: `at most ${Math.floor(read.maxMemory / MEBIBYTE)} MiB`,
      actual: `more (${died.message})`,
      hint: 'Split the file, or raise maxMemory if it can be trusted',
    });
  }
  return fileError('E_INTERNAL', id, `the process that read it ended (${died.message})`, {
    hint: 'Leave the file out, and report it as a bug with the file if you can',
  });
}
