/** Streams that are held open while a language model drips: what each costs the server in memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerProcess, Streams } from './children.js';
import { languageModel } from './language-model.js';

export interface StreamsResult {
  clients: number;
  /** Resident bytes: with the code warm and nobody there; with all clients, round by round; after a longer stay; when all have left. */
  before: number;
  held: number[];
  heldOn: number;
  after: number;
  bytesReceived: number;
}

const SETTLE_MS = 1000;
const WARM_UP = 4;

/** The clients come and go several times. What they hold is taken once; what is lost would be lost each time. */
export async function streams(
  folder: string,
  { clients, rounds, seconds }: { clients: number; rounds: number; seconds: number },
): Promise<StreamsResult> {
  await using model = await languageModel({ first: 0, pieces: 1_000_000, between: 250 });
  const job = { folder, engine: { llm: { model: 'dripping', baseUrl: model.url } }, serve: { drain: 1 } };
  await using server = await ServerProcess.start(job);
  const open = (count: number): Promise<Streams> =>
    Streams.open({ url: server.url, question: 'terminal emulator for wayland', clients: count });
  await (await open(WARM_UP)).leave();
  const before = await server.rss();
  const result: StreamsResult = { clients, before, held: [], heldOn: 0, after: 0, bytesReceived: 0 };
  for (let round = 0; round < rounds; round++) {
    const opened = await open(clients);
    await sleep(SETTLE_MS);
    result.held.push(await server.rss());
    if (round === rounds - 1) {
      await sleep(1000 * seconds);
      result.heldOn = await server.rss();
    }
    result.bytesReceived += await opened.leave();
    await sleep(SETTLE_MS);
  }
  result.after = await server.rss();
  return result;
}
