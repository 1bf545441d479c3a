/** A collection measured in a process of its own: its memory is that of the collection, and nothing warm of the ingest is left. */
import { fork } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aborted } from '../../lib/calls.js';
import { QuiverError, type ErrorCode } from '../../lib/errors.js';
import type { CallOptions } from '../../lib/index.js';
import type { StoreOptions } from '../store/backend.js';
import type { Reading } from './types.js';

export interface ProbeJob {
  folder: string;
  model: string;
  index: NonNullable<StoreOptions['index']>;
  queries: readonly string[];
  /** Seconds of queries as many as the cores take. */
  loadSeconds: number;
}

/** What the child tells: its memory is looked at from outside, while it waits for a word. */
export type Told =
  | { step: 'empty' }
  | { step: 'asked'; reading: Omit<Reading, 'emptyBytes' | 'residentBytes'> }
  | { step: 'failed'; code: ErrorCode; message: string };

const CHILD = fileURLToPath(new URL('probe-child.js', import.meta.url));

/** Resident bytes of a process and all that it has started: ONNX models run in processes of their own. */
async function residentOf(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
    let bytes = 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    for (const task of await readdir(`/proc/${String(pid)}/task`)) {
      const children = await readFile(`/proc/${String(pid)}/task/${task}/children`, 'utf8');
      for (const child of children.split(' ').filter((one) => one.trim() !== ''))
        bytes += await residentOf(Number(child));
    }
    return bytes;
  } catch {
    return 0; // gone meanwhile
  }
}

/** Errors: E_ABORTED, and those of opening and searching. */
export async function probe(job: ProbeJob, { signal }: CallOptions): Promise<Reading> {
  if (signal?.aborted === true) throw aborted(signal);
  const file = join(job.folder, 'probe.json');
  await writeFile(file, JSON.stringify(job));
  // The garbage of the opening must not count as memory that is needed.
  const child = fork(CHILD, [file], { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const stop = (): void => void child.kill();
  signal?.addEventListener('abort', stop, { once: true });
  let emptyBytes = 0;
  try {
    return await new Promise<Reading>((resolve, reject) => {
      const told = async (message: Told): Promise<void> => {
        const residentBytes = await residentOf(child.pid ?? 0);
        if (message.step === 'failed') reject(new QuiverError(message.code, message.message));
        else if (message.step === 'empty') emptyBytes = residentBytes;
        else resolve({ ...message.reading, emptyBytes, residentBytes });
        if (child.connected) child.send('go on');
      };
      child.on('message', (message) => void told(message as Told).catch(reject));
      child.once('error', reject);
      child.once('exit', (code) => {
        const message = `The process that measures ended with code ${String(code)} before it was done.`;
        reject(signal?.aborted === true ? aborted(signal) : new QuiverError('E_INTERNAL', message));
      });
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    // It closes its collection and ends by itself; whoever comes next opens the same folder.
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once('exit', resolve));
    }
  }
}
