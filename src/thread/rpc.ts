/**
 * Calls between the main thread and a worker. The worker's functions are an interface; the other side sees the same
 * functions, asynchronous. Errors cross with code, expected and actual value, and get the caller's stack.
 */
import { parentPort, Worker, type Transferable } from 'node:worker_threads';
import { aborted } from '../../lib/calls.js';
import { fromNative, QuiverError, type NativeFailure } from '../../lib/errors.js';

/** What a worker offers: one input, one output, both fit for structuredClone. */
export type Handlers = Record<string, (input: never) => unknown>;
type Offered<H> = { [N in keyof H]: (input: never) => unknown };
type Input<F> = F extends (input: infer I) => unknown ? I : never;
type Output<F> = F extends (input: never) => infer O ? Awaited<O> : never;

interface Request {
  call: number;
  name: string;
  input: unknown;
}
interface Reply {
  call: number;
  value?: unknown;
  error?: NativeFailure & { stack?: string };
}

export interface CallExtras {
  signal?: AbortSignal | undefined;
  transfer?: readonly Transferable[];
}

export interface Remote<H> {
  call<N extends keyof H & string>(name: N, input: Input<H[N]>, extras?: CallExtras): Promise<Output<H[N]>>;
  /** Calls under way. */
  readonly load: number;
  /** Lets the calls under way end, then ends the thread. */
  close(): Promise<void>;
}

export interface ThreadOptions {
  /** For people: it is in errors, and in a debugger's list of threads. */
  name: string;
  /** The worker's module, which calls serve(). */
  file: URL;
  /** Its `workerData`. */
  data: unknown;
  /** What calls after close() reject with. */
  closed: () => QuiverError;
  /** What to do when the thread ends by itself; stands at the end of that error. */
  advice: string;
}

interface Waiting {
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
}

/** Starts a thread that answers with serve(). */
export function startThread<H extends Offered<H>>({ name, file, data, closed, advice }: ThreadOptions): Remote<H> {
  // No options of the host's command line: `node --input-type=module -e ...` would refuse the file.
  const worker = new Worker(file, { workerData: data, name, execArgv: [] });
  // An open thread alone keeps no process alive; a call under way does.
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let next = 1;
  let failure: QuiverError | undefined;
  let closing: Promise<void> | undefined;
  let idle: (() => void) | undefined;

  const settled = (): void => {
    if (waiting.size > 0) return;
    worker.unref();
    idle?.();
  };
  const fail = (error: QuiverError): void => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
    settled();
  };
  worker.on('message', ({ call, value, error }: Reply) => {
    const one = waiting.get(call);
    if (one === undefined) return; // aborted
    waiting.delete(call);
    if (error === undefined) one.resolve(value as never);
    else one.reject(error);
    settled();
  });
  worker.on('error', (error) => fail(threadEnded(name, error, advice)));
  worker.on('exit', (code) => {
    fail(closing === undefined ? threadEnded(name, `exit code ${String(code)}`, advice) : closed());
  });

  async function call(method: string, input: unknown, { signal, transfer = [] }: CallExtras = {}): Promise<never> {
    if (signal?.aborted === true) throw aborted(signal);
    if (failure !== undefined) throw again(failure);
    if (closing !== undefined) throw closed();
    const number = next++;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<never>((resolve, reject) => {
        if (signal !== undefined) {
          onAbort = () => {
            waiting.delete(number);
            reject(aborted(signal));
            settled();
          };
          signal.addEventListener('abort', onAbort, { once: true });
        }
        worker.ref();
        waiting.set(number, { resolve, reject });
        worker.postMessage({ call: number, name: method, input } satisfies Request, transfer);
      });
    } catch (error) {
      // Made here, after the await: the stack then leads back through the caller's awaits.
      throw error instanceof QuiverError ? again(error) : fromNative(error);
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  async function close(): Promise<void> {
    closing ??= (async () => {
      if (waiting.size > 0) await new Promise<void>((resolve) => (idle = resolve));
      await worker.terminate();
    })();
    await closing;
  }

  return {
    call,
    close,
    get load() {
      return waiting.size;
    },
  };
}

/** The same error with a stack of its own. */
function again(error: QuiverError): QuiverError {
  const { code, message, expected, actual, cause } = error;
  return new QuiverError(code, message, {
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
    cause,
  });
}

function threadEnded(name: string, cause: unknown, advice: string): QuiverError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new QuiverError('E_INTERNAL', `The thread "${name}" ended by itself (${why}). ${advice}`, {
    expected: 'a running thread',
    actual: why,
    cause,
  });
}

/** A value whose buffers are moved to the other side instead of copied. */
export class Moved<T> {
  readonly value: T;
  readonly buffers: readonly ArrayBuffer[];
  constructor(value: T, buffers: readonly ArrayBufferLike[]) {
    this.value = value;
    this.buffers = buffers as readonly ArrayBuffer[];
  }
}

/** In the worker: answers calls. The first one opens what they need; `translate` makes every error one with a code. */
export function serve(open: () => Handlers, translate: (error: unknown) => QuiverError): void {
  const port = parentPort;
  if (port === null) throw new QuiverError('E_INTERNAL', 'serve() runs in a worker thread only.');
  let handlers: Handlers | undefined;
  port.on('message', ({ call, name, input }: Request) => {
    try {
      handlers ??= open();
      const value = (handlers[name] as (input: unknown) => unknown)(input);
      if (value instanceof Moved) port.postMessage({ call, value: value.value } satisfies Reply, [...value.buffers]);
      else port.postMessage({ call, value } satisfies Reply);
    } catch (error) {
      const { code, message, expected, actual } = translate(error);
      const failure: NativeFailure = { code, message };
      if (expected !== undefined) failure.expected = expected;
      if (actual !== undefined) failure.actual = actual;
      port.postMessage({ call, error: failure } satisfies Reply);
    }
  });
}
