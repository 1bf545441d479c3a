/** What went wrong, for programs. Messages are for people and may change; codes do not. */
export type ErrorCode =
  | 'E_ARGUMENT'
  | 'E_DIMENSION'
  | 'E_RANGE'
  | 'E_NOT_FINITE'
  | 'E_EXISTS'
  | 'E_NOT_FOUND'
  | 'E_NOT_TRAINED'
  | 'E_CLOSED'
  | 'E_CORRUPT'
  | 'E_VERSION'
  | 'E_LOCKED'
  | 'E_MODEL_MISMATCH'
  | 'E_ABORTED'
  | 'E_TIMEOUT'
  | 'E_IO'
  | 'E_REMOTE'
  | 'E_NO_GPU'
  | 'E_UNSUPPORTED'
  | 'E_MISSING_DEPENDENCY'
  | 'E_OUT_OF_MEMORY'
  | 'E_RECEIVER'
  | 'E_FAISS'
  | 'E_INTERNAL';

/** What came with an error: the value that was wanted and the one that was given. */
export interface ErrorDetails {
  expected?: string;
  actual?: string;
  cause?: unknown;
}

/** Every error that Quiver throws or rejects with. */
export class QuiverError extends Error {
  override readonly name = 'QuiverError';
  readonly code: ErrorCode;
  readonly expected?: string;
  readonly actual?: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.expected !== undefined) this.expected = details.expected;
    if (details.actual !== undefined) this.actual = details.actual;
  }
}

/** A value as an error message shows it: short, and never a whole array. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `"${value.slice(0, 57)}..."` : `"${value}"`;
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${String(value.length)}`;
  if (ArrayBuffer.isView(value)) {
    const length = (value as unknown as { length?: number }).length;
    return `${withArticle(value.constructor.name)} of ${String(length ?? value.byteLength)}`;
  }
  if (typeof value === 'object' && value !== null)
    return withArticle(value.constructor?.name || 'null-prototype object');
  return String(value);
}

function withArticle(noun: string): string {
  return `${/^[AEIO]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** An argument of the wrong kind. */
export function wrongArgument(name: string, expected: string, value: unknown): QuiverError {
  return new QuiverError('E_ARGUMENT', `${name} must be ${expected}, but is ${show(value)}.`, {
    expected,
    actual: show(value),
  });
}

/** Options are an object, also where they may be left out. */
export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw wrongArgument(name, 'an object', value);
}

export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw wrongArgument(name, 'true or false', value);
}

/** A number out of its bounds. */
export function outOfRange(name: string, expected: string, value: unknown): QuiverError {
  return new QuiverError('E_RANGE', `${name} must be ${expected}, but is ${show(value)}.`, {
    expected,
    actual: show(value),
  });
}

/** Returns `value` when it is an integer within bounds. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  const expected = `an integer from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`;
  throw (typeof value === 'number' ? outOfRange : wrongArgument)(name, expected, value);
}

/** What native code gives for an error: see binding/errors.cc. */
export interface NativeFailure {
  code: ErrorCode;
  message: string;
  expected?: string;
  actual?: string;
}

/** From a native failure to the error that the caller sees, with the stack of where it is made. */
export function fromNative(failure: unknown, cause?: unknown): unknown {
  if (failure instanceof QuiverError) return failure;
  const { code, message, expected, actual } = failure as NativeFailure;
  if (typeof code !== 'string' || !code.startsWith('E_')) return failure;
  return new QuiverError(code, message, { expected, actual, cause });
}
