import { QuiverError } from '../../lib/errors.js';
import type { ErrorCode } from '../../lib/errors.js';

interface Detail {
  /** Where in the file: `byte 128` or `line 3`. */
  at?: string;
  expected?: string;
  actual?: string;
  /** What to do about it. */
  hint?: string;
}

/** An error about one file, which reads `<path>, byte 128: <what>: expected <e>, found <a>. <hint>`. */
export function fileError(code: ErrorCode, path: string, what: string, detail: Detail = {}): QuiverError {
  const { at, expected, actual, hint } = detail;
  let message = at === undefined ? `${path}: ${what}` : `${path}, ${at}: ${what}`;
  if (expected !== undefined) message += `: expected ${expected}`;
  if (actual !== undefined) message += `${expected === undefined ? ':' : ','} found ${actual}`;
  if (hint !== undefined) message += `. ${hint}`;
  return new QuiverError(code, message, {
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
  });
}

/** Turns what the file system threw into an error that names the file and the reason. */
export function ioError(path: string, doing: 'open' | 'read' | 'write', error: unknown): QuiverError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file or folder',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is not a folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the file system is read-only',
    EMFILE: 'too many open files',
  };
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  // As in lib: what is not there to be read is E_NOT_FOUND.
  const kind = code === 'ENOENT' && doing !== 'write' ? 'E_NOT_FOUND' : 'E_IO';
  return new QuiverError(kind, `cannot ${doing} ${path}: ${reason}`, { cause: error });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new QuiverError('E_ABORTED', 'reading the vectors was aborted', { cause: signal.reason });
}
