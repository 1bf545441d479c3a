/** Answers of services that come piece by piece, as server-sent events. */
import { createParser } from 'eventsource-parser';
import { QuiverError } from '../../lib/errors.js';
import { aborted } from '../../lib/calls.js';
import { DEFAULTS, explain, post, type CallOptions, type Service } from './request.js';

/** One event may be so long, in characters; a service that sends more is not what it says it is. */
const LONGEST_EVENT = 1 << 20;

function unexpected(url: string, actual: string): QuiverError {
  return new QuiverError('E_REMOTE', `${url} did not answer with a stream of events, but with ${actual}.`, {
    expected: 'content-type text/event-stream',
    actual,
  });
}

/**
 * Posts JSON and gives the data of each event of the answer. Attempts are made anew until the answer begins; a stream that breaks is an
 * error, since its beginning was given on. A stream that is silent for `timeout` seconds is one, too.
 *
 * Errors: E_REMOTE, E_ABORTED.
 */
export async function* postForEvents(
  service: Service,
  path: string,
  body: unknown,
  options: CallOptions = {},
): AsyncGenerator<string, void, void> {
  const { signal } = options;
  const url = `${service.baseUrl.replace(/\/+$/, '')}${path}`;
  const begin = (response: Response): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const type = response.headers.get('content-type') ?? 'none';
    if (response.body === null || !type.includes('text/event-stream')) {
      void response.body?.cancel();
      return Promise.reject(unexpected(url, type));
    }
    return Promise.resolve(response.body.getReader());
  };
  const reader = await post(service, path, body, begin, options);
  const events: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => events.push(data) });
  const decoder = new TextDecoder();
  let since = 0;
  try {
    for (;;) {
      const { done, value } = await nextPiece(reader, service.timeout ?? DEFAULTS.timeout);
      if (done) break;
      parser.feed(decoder.decode(value, { stream: true }));
      since = events.length > 0 ? 0 : since + value.length;
      if (since > LONGEST_EVENT) throw unexpected(url, 'an event without an end');
      yield* events.splice(0);
    }
  } catch (error) {
    throw signal?.aborted === true ? aborted(signal) : explain(error, url);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  seconds: number,
): ReturnType<typeof reader.read> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new DOMException('silent for too long', 'TimeoutError'));
    }, seconds * 1000);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    clearTimeout(timer);
  }
}
