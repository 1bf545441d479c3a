/** A real server that speaks /chat/completions: what it says, and how it fails, is up to the test. */
import type { ServerResponse } from 'node:http';
import { serve, type Asked, type TestServer } from './server.js';

export type Script = (response: ServerResponse, asked: Asked, number: number) => unknown;

export function piece(content: string): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
}

export const DONE = 'data: [DONE]\n\n';

export function startStream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** Answers with these pieces, one after the other. */
export function saying(...pieces: readonly string[]): Script {
  return (response) => {
    startStream(response);
    for (const text of pieces) response.write(piece(text));
    response.end(DONE);
  };
}

/** Says one word and no more; tells when it was asked, and when who had asked is gone. */
export function hanging(): { script: Script; asked: Promise<void>; gone: Promise<void> } {
  let tellAsked = (): void => undefined;
  let tellGone = (): void => undefined;
  const asked = new Promise<void>((resolve) => (tellAsked = resolve));
  const gone = new Promise<void>((resolve) => (tellGone = resolve));
  const script: Script = (response) => {
    startStream(response).write(piece('a'));
    tellAsked();
    response.once('close', () => tellGone());
  };
  return { script, asked, gone };
}

export function languageModel(script: Script): Promise<TestServer> {
  return serve((response, asked, number) => void script(response, asked, number));
}

/** What the model was told. */
export function told({ body }: Asked): {
  model: string;
  messages: { role: string; content: string }[];
  stream: boolean;
} {
  return body as ReturnType<typeof told>;
}
