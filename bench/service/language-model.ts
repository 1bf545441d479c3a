/** A service that speaks OpenAI's /chat/completions, as slow as wanted. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LanguageModel extends AsyncDisposable {
  url: string;
}

const piece = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;

export interface Pace {
  /** Milliseconds until the first piece. */
  first: number;
  /** Pieces, and milliseconds between two of them. */
  pieces: number;
  between: number;
}

async function answer(response: ServerResponse, { first, pieces, between }: Pace): Promise<void> {
  await sleep(first);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let i = 0; i < pieces && !response.destroyed; i++) {
    if (i > 0) await sleep(between);
    response.write(piece(i === 0 ? 'The documents say so [1].' : ' And more of it.'));
  }
  response.end('data: [DONE]\n\n');
}

export async function languageModel(pace: Pace): Promise<LanguageModel> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => void answer(response, pace));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
