/** Clients that hold streams open, in a process of their own: opens them, says so, and leaves when told to. */
import { Agent, request, type IncomingMessage } from 'node:http';

export interface StreamsJob {
  url: string;
  clients: number;
  question: string;
}

const job = JSON.parse(process.argv[2] ?? '') as StreamsJob;
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
const body = JSON.stringify({ question: job.question, cache: false });

/** Resolves with the first bytes of the answer, and reads on. */
function open(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
    const sent = request(`${job.url}/api/stream-query`, { method: 'POST', headers, agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`expected status 200, found ${response.statusCode ?? 'none'}`));
      response.once('data', () => resolve(response)).on('error', () => undefined);
    });
    sent.on('error', reject).end(body);
  });
}

const streams = await Promise.all(Array.from({ length: job.clients }, open));
let bytes = 0;
for (const stream of streams) stream.on('data', (part: Buffer) => (bytes += part.length));
process.once('message', () => {
  for (const stream of streams) stream.destroy();
  process.send?.({ bytes });
  process.disconnect();
});
process.send?.({ open: streams.length });
