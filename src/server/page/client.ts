/** Calls of the API that this page came from. */
import { createParser } from 'eventsource-parser';
import { byId } from './dom.js';

/** The page may lie below a prefix: its script is at `<prefix>/page/app.js`. */
const BASE = new URL('..', import.meta.url);
const KEY = 'quiver-key';

export class ApiError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function askForKey(): Promise<string> {
  const dialog = byId('key-dialog', HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        const key = byId('key', HTMLInputElement).value.trim();
        sessionStorage.setItem(KEY, key);
        resolve(key);
      },
      { once: true },
    );
  });
}

async function failureOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(error.code, error.message);
  } catch {
    return new ApiError('E_REMOTE', `The server answered ${response.status}.`);
  }
}

let asking: Promise<string> | undefined;

/** A call; where a key is needed, the person is asked for it once. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const key = sessionStorage.getItem(KEY);
  const headers = new Headers(init.headers);
  if (key !== null) headers.set('authorization', `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, BASE), { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('E_REMOTE', 'The server cannot be reached. Is it still running?');
  }
  if (response.status === 401) {
    asking ??= askForKey().finally(() => (asking = undefined));
    await asking;
    return call(path, init);
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

export async function getJson<T>(path: string): Promise<T> {
  return (await (await call(path)).json()) as T;
}

/** The events of an answer that streams. */
export async function* events<T>(path: string, init: RequestInit): AsyncGenerator<T, void, void> {
  const headers = new Headers(init.headers);
  headers.set('accept', 'text/event-stream');
  const response = await call(path, { ...init, method: 'POST', headers });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  const waiting: T[] = [];
  const parser = createParser({ onEvent: ({ data }) => waiting.push(JSON.parse(data) as T) });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(value);
    yield* waiting.splice(0);
  }
}
