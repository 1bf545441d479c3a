/**
 * Opens files from others. A damaged or hostile FAISS file can crash the code that reads it, so a process that may die
 * tries it first, with limits of memory and time; only then does this one.
 */
import { spawn } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { aborted, checkCall } from './calls.js';
import { QuiverError, type ErrorCode } from './errors.js';

const CHILD = fileURLToPath(new URL('./import-child.js', import.meta.url));
const MIN_MS = 5_000;
/** A healthy file is read at a tenth of this speed even on a slow disk. */
const BYTES_PER_MS = 20_000;
const MAX_REPORT = 64 << 10;

export interface Verdict {
  ok: boolean;
  code?: ErrorCode;
  message?: string;
  expected?: string;
  actual?: string;
}

function refused(name: string, how: string): QuiverError {
  return new QuiverError('E_CORRUPT', `${name} is not safe to load: ${how}.`, {
    expected: 'a sound index',
    actual: how,
  });
}

/** What to try: a file, or bytes. */
export type Suspect = { path: string } | { bytes: Uint8Array };

/** Loads and searches the suspect in a child. Throws the child's error, or E_CORRUPT when the child dies or hangs. */
export async function tryInChild(kind: 'faiss' | 'quiver', suspect: Suspect, signal?: AbortSignal): Promise<void> {
  checkCall({ signal });
  const name = 'path' in suspect ? suspect.path : 'The buffer';
  const size = 'path' in suspect ? await sizeOf(suspect.path) : suspect.bytes.length;
  const handle = 'path' in suspect ? await open(suspect.path, 'r') : undefined;
  try {
    const child = spawn(process.execPath, [CHILD, kind, String(size)], {
      // The file comes as an open descriptor, so that the child reads this very file.
      stdio: [handle ? handle.fd : 'pipe', 'pipe', 'ignore'],
      env: { ...process.env, QUIVER_THREADS: '1', NODE_OPTIONS: '' },
    });
    const limit = MIN_MS + size / BYTES_PER_MS;
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, limit);
    const onAbort = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', onAbort, { once: true });
    if ('bytes' in suspect && child.stdin) {
      child.stdin.on('error', () => undefined); // it died before it read all: its end tells
      child.stdin.end(suspect.bytes);
    }
    let report = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (report.length < MAX_REPORT) report += chunk.toString('utf8');
    });
    const [code, died] = await new Promise<[number | null, string | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exit, killer) => resolve([exit, killer]));
    }).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    });
    if (signal?.aborted === true) throw aborted(signal);
    if (hung) throw refused(name, `reading it took longer than ${String(Math.round(limit / 1000))} seconds`);
    if (died !== null) throw refused(name, `the process that tried it was ended by ${died}`);
    judge(name, code, report);
  } finally {
    await handle?.close();
  }
}

function judge(name: string, code: number | null, report: string): void {
  let verdict: Verdict;
  try {
    verdict = JSON.parse(report) as Verdict;
  } catch {
    throw refused(name, `the process that tried it ended with code ${String(code)}`);
  }
  if (verdict.ok) return;
  throw new QuiverError(verdict.code ?? 'E_CORRUPT', (verdict.message ?? '').replaceAll('<input>', name), {
    expected: verdict.expected,
    actual: verdict.actual,
  });
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      throw new QuiverError('E_IO', `Cannot read ${path}: it is not a regular file.`, {
        expected: 'a file',
        actual: found.isDirectory() ? 'a folder' : 'a device or pipe',
      });
    }
    return found.size;
  } catch (error) {
    if (error instanceof QuiverError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw new QuiverError(
      code === 'ENOENT' ? 'E_NOT_FOUND' : 'E_IO',
      `Cannot open ${path}: ${(error as Error).message}.`,
      {
        expected: 'a readable file',
        actual: code ?? 'an error',
        cause: error,
      },
    );
  }
}
