/** Calls of services over HTTP: time limits, retries with back-off, and errors that say what to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { QuiverError } from '../../lib/errors.js';
import { aborted } from '../../lib/calls.js';

export interface Service {
  /** Such as `https://example.org/v1`; the path of a call is put after it. */
  baseUrl: string;
  /** Sent as a bearer token. */
  apiKey?: string | undefined;
  /** Seconds that one attempt may take. Default 60. */
  timeout?: number | undefined;
  /** Attempts after the first. Default 4. */
  retries?: number | undefined;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export const DEFAULTS = { timeout: 60, retries: 4 };
const BACKOFF = { minTimeout: 250, maxTimeout: 8_000, factor: 2, randomize: true };
/** Longest wait that a service may ask for, in seconds; longer is as good as a failure. */
const MOST_PATIENCE = 30;
/** Of what a service says about its failure, so much is worth reading. */
const EXCERPT = 300;

const PASSING = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

class Refused extends Error {
  readonly status: number;
  /** Seconds, when the service named them. */
  readonly after: number | undefined;

  constructor(status: number, text: string, after: number | undefined) {
    super(text);
    this.status = status;
    this.after = after;
  }
}

function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = Number(value);
  return Number.isFinite(seconds) ? seconds : (Date.parse(value) - Date.now()) / 1000;
}

/** What a service said about its failure: the message of an OpenAI-like error, else the start of its text. */
async function reasonOf(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).trim();
  try {
    const { error } = JSON.parse(text) as { error?: string | { message?: string } };
    const message = typeof error === 'string' ? error : error?.message;
    if (message !== undefined) return message.slice(0, EXCERPT);
  } catch {
    // Not JSON.
  }
  return text.slice(0, EXCERPT) || response.statusText;
}

export function explain(error: unknown, url: string): QuiverError {
  if (error instanceof QuiverError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  if (error instanceof Refused) {
    const { status, message } = error;
    const key = status === 401 || status === 403;
    const advice = key ? ' Check the API key.' : status === 404 ? ' Check the base URL and the model.' : '';
    return new QuiverError('E_REMOTE', `${url} answered ${status}: ${message}.${advice}`, {
      expected: 'status 200',
      actual: String(status),
      cause,
    });
  }
  const inner = cause.cause instanceof Error ? cause.cause.message : cause.message;
  const slow = cause.name === 'TimeoutError';
  return new QuiverError(
    'E_REMOTE',
    slow ? `${url} did not answer in time.` : `${url} cannot be reached: ${inner}. Is the service running?`,
    { expected: 'an answer', actual: slow ? 'none in time' : inner, cause },
  );
}

/** Whether another attempt may do better, and after how many seconds at least. */
function again(error: Error): number | undefined {
  if (error instanceof Refused) {
    if (!PASSING.has(error.status) || (error.after ?? 0) > MOST_PATIENCE) return undefined;
    return Math.max(0, error.after ?? 0);
  }
  return error instanceof QuiverError ? undefined : 0;
}

/**
 * Posts JSON and gives the response to `read`; both are tried again when the trouble may pass. What `read` has used up cannot be
 * asked for twice: it throws a QuiverError for what no attempt will mend.
 *
 * Errors: E_REMOTE, E_ABORTED.
 */
export async function post<T>(
  service: Service,
  path: string,
  body: unknown,
  read: (response: Response) => Promise<T>,
  { signal }: CallOptions = {},
): Promise<T> {
  const { apiKey, timeout = DEFAULTS.timeout, retries = DEFAULTS.retries } = service;
  const url = `${service.baseUrl.replace(/\/+$/, '')}${path}`;
  const attempt = async (): Promise<T> => {
    // The limit ends with `read`: what it hands on may be a stream, which has limits of its own.
    const limit = new AbortController();
    const timer = setTimeout(() => {
      limit.abort(new DOMException('no answer in time', 'TimeoutError'));
    }, timeout * 1000);
    try {
      return await read(await send(limit.signal));
    } finally {
      clearTimeout(timer);
    }
  };
  const send = async (limit: AbortSignal): Promise<Response> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    if (!response.ok) throw new Refused(response.status, await reasonOf(response), retryAfter(response));
    return response;
  };
  const { default: pRetry } = await import('p-retry');
  try {
    return await pRetry(attempt, {
      ...BACKOFF,
      retries,
      shouldRetry: ({ error }) => signal?.aborted !== true && again(error) !== undefined,
      onFailedAttempt: async ({ error }) => {
        const wait = again(error) ?? 0;
        if (wait > 0) await sleep(wait * 1000, undefined, signal === undefined ? {} : { signal });
      },
    });
  } catch (error) {
    if (signal?.aborted === true) throw aborted(signal);
    throw explain(error, url);
  }
}
