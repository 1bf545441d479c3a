/**
 * Opens files from others. A damaged or hostile FAISS file can crash the code that reads it, so a process that may die
 * tries it first, with limits of memory and time; only then does this one.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { aborted, checkCall } from './calls.js';
import { QuiverError, type ErrorCode } from './errors.js';

const CHILD = fileURLToPath(new URL('./import-child.js', import.meta.url));
/** CPU time that the smallest file has. */
const MIN_MS = 5_000;
/** A healthy file takes a tenth of this. */
const BYTES_PER_MS = 20_000;
/** By the clock it has so many times as long: the machine may have other work, and the disk be slow. */
const WAIT = 4;
const MAX_REPORT = 64 << 10;

/** What the child says, as JSON on descriptor 3. `<input>` in the message stands for the file's name. */
export type Verdict =
  { ok: true } | { ok: false; code: ErrorCode; message: string; expected?: string; actual?: string };

/** What to try: a file, or bytes. */
export type Suspect = { path: string } | { bytes: Uint8Array };

function refused(name: string, how: string): QuiverError {
  return new QuiverError('E_CORRUPT', `${name} is not safe to load: ${how}.`, {
    expected: 'a sound index',
    actual: how,
  });
}

/**
 * Loads and searches the suspect in a child. Throws the child's error, or E_CORRUPT when the child dies or hangs.
 *
 * @param minMs the CPU time that the smallest file has
 */
export async function tryInChild(
  kind: 'faiss' | 'quiver',
  suspect: Suspect,
  signal?: AbortSignal,
  minMs = MIN_MS,
): Promise<void> {
  checkCall({ signal });
  if ('bytes' in suspect) {
    await tryInput(kind, 'The buffer', suspect.bytes.length, suspect.bytes, signal, minMs);
    return;
  }
  const file = await openSuspect(suspect.path);
  try {
    // Aborted while the file was opened: the listener would come too late.
    checkCall({ signal });
    await tryInput(kind, suspect.path, (await file.stat()).size, file, signal, minMs);
  } finally {
    await file.close();
  }
}

async function tryInput(
  kind: string,
  name: string,
  size: number,
  input: Uint8Array | FileHandle,
  signal: AbortSignal | undefined,
  minMs: number,
): Promise<void> {
  const limit = minMs + size / BYTES_PER_MS;
  const seconds = Math.ceil(limit / 1000);
  const child = spawn(process.execPath, [CHILD, kind, String(size), String(seconds)], {
    // A file comes as an open descriptor, so that the child reads this very file. The report has a descriptor of its
    // own: FAISS prints to the usual two.
    stdio: [input instanceof Uint8Array ? 'pipe' : input.fd, 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, QUIVER_THREADS: '1', NODE_OPTIONS: '' },
  });
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, limit * WAIT);
  const onAbort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (input instanceof Uint8Array) {
    child.stdin?.on('error', () => undefined); // it died before it read all: its end tells
    child.stdin?.end(input);
  }
  let report = '';
  (child.stdio[3] as Readable | undefined)?.setEncoding('utf8').on('data', (text: string) => {
    if (report.length < MAX_REPORT) report += text;
  });
  try {
    const { code, died } = await new Promise<{ code: number | null; died: string | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exit, killer) => resolve({ code: exit, died: killer }));
    });
    if (signal?.aborted === true) throw aborted(signal);
    if (hung || died === 'SIGXCPU') throw refused(name, `reading it takes more than ${String(seconds)} s`);
    if (died !== null) throw refused(name, `the process that tried it was ended by ${died}`);
    judge(name, code, report);
  } catch (error) {
    if (error instanceof QuiverError) throw error;
    throw new QuiverError('E_IO', `Cannot start the process that tries ${name}: ${(error as Error).message}.`, {
      expected: 'a process',
      actual: (error as NodeJS.ErrnoException).code ?? 'an error',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function judge(name: string, code: number | null, report: string): void {
  let verdict: Verdict | null;
  try {
    verdict = JSON.parse(report) as Verdict | null;
  } catch {
    verdict = null;
  }
  if (verdict === null) throw refused(name, `the process that tried it ended with code ${String(code)}`);
  if (verdict.ok) return;
  const { message, expected, actual } = verdict;
  throw new QuiverError(
    verdict.code,
    message.replaceAll('<input>', () => name),
    { expected, actual },
  );
}

/** Does not wait, as opening a pipe would. */
async function openSuspect(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === 'ENOENT'
      ? new QuiverError('E_NOT_FOUND', `Cannot open ${path}: there is no such file.`, {
          expected: 'a file',
          actual: 'none',
        })
      : new QuiverError('E_IO', `Cannot open ${path}: ${message}.`, {
          expected: 'a readable file',
          actual: code ?? 'an error',
          cause: error,
        });
  }
  const found = await file.stat();
  if (found.isFile()) return file;
  await file.close();
  throw new QuiverError('E_IO', `Cannot read ${path}: it is not a regular file.`, {
    expected: 'a file',
    actual: found.isDirectory() ? 'a folder' : 'a device or pipe',
  });
}
