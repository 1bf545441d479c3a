/**
 * The async path on the JS side: each call gets a number, and the addon's one dispatcher settles its promise.
 */
import { fromNative, QuiverError, wrongArgument, type NativeFailure } from './errors.js';
import { addon } from './loader.js';
import type { Addon, NativeProgress } from './native.js';
import type { LongCallOptions, Progress } from './types.js';

interface Running {
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  onProgress?: (progress: Progress) => void;
  /** What onProgress threw: the caller's own, to be handed back as it is. */
  thrown?: { value: unknown };
}

const running = new Map<number, Running>();
let next = 1;
let connected = false;

/** The addon, with its completion queue connected to the promises here. */
export function native(): Addon {
  const module = addon();
  if (!connected) {
    module.setDispatcher(dispatch);
    connected = true;
  }
  return module;
}

function dispatch(call: number, error: unknown, value: unknown, progress: NativeProgress | undefined): void {
  const waiting = running.get(call);
  if (waiting === undefined) return; // aborted, and settled already
  if (progress !== undefined) {
    try {
      waiting.onProgress?.(progress);
    } catch (thrown) {
      // The caller's own callback failed: stop the work and tell the caller with the callback's error.
      running.delete(call);
      addon().cancel(call);
      waiting.thrown = { value: thrown };
      waiting.reject(thrown);
    }
    return;
  }
  running.delete(call);
  if (error !== undefined) waiting.reject(error);
  else waiting.resolve(value as never);
}

export function aborted(signal: AbortSignal): QuiverError {
  return new QuiverError('E_ABORTED', 'The call was aborted.', {
    expected: 'a signal that is not aborted',
    actual: 'an aborted one',
    cause: signal.reason,
  });
}

/** Checks what every call may bring: an object of options, a signal that is not aborted yet, a progress callback. */
export function checkCall(options: LongCallOptions): void {
  if (typeof options !== 'object' || options === null) throw wrongArgument('options', 'an object', options);
  const { signal, onProgress } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongArgument('signal', 'an AbortSignal', signal);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrongArgument('onProgress', 'a function', onProgress);
  }
  if (signal?.aborted === true) throw aborted(signal);
}

/**
 * Starts a native call and returns what it answers.
 *
 * `atOnce`: reject as soon as the signal fires (reads). Otherwise the native side answers the abort itself, so that
 * the caller learns how far a write came.
 */
export async function call<T = undefined>(
  start: (module: Addon, call: number) => void,
  options: LongCallOptions = {},
  atOnce = false,
): Promise<T> {
  checkCall(options);
  const { signal, onProgress } = options;
  const module = native();
  const number = next++;
  let waiting: Running | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      waiting = { resolve, reject, ...(onProgress && { onProgress }) };
      running.set(number, waiting);
      if (signal !== undefined) {
        onAbort = () => {
          module.cancel(number);
          if (!atOnce) return;
          running.delete(number);
          reject(aborted(signal));
        };
        signal.addEventListener('abort', onAbort, { once: true });
      }
      start(module, number); // what it throws rejects
    });
  } catch (error) {
    running.delete(number);
    if (waiting?.thrown !== undefined) throw waiting.thrown.value;
    // Made here, after the await: the stack then leads back through the caller's awaits.
    throw fromNative(error, (error as NativeFailure).code === 'E_ABORTED' ? signal?.reason : undefined);
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}
