/** Load on a server, from a process of its own: what the load costs must not be counted as the server's. */
import autocannon from 'autocannon';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { mulberry32 } from '../support/data.js';

export interface LoadJob {
  step: 'load';
  url: string;
  /** One after the other, and again from the first. */
  questions: readonly string[];
  /** Whether answers may be remembered. */
  cache: boolean;
  connections: number;
  seconds: number;
  /** Of them, those at the beginning that are not judged. */
  warmUp?: number;
  /** Requests a second, at random moments, whatever the server makes of them; without it, as fast as answers come. */
  rate?: number;
}

export interface LoadResult {
  /** Milliseconds of each answer with status 200. */
  answeredMs: number[];
  /** How many had another status, by status. */
  refused: Record<string, number>;
  /** Connections that broke, and requests without an answer. */
  errors: number;
  seconds: number;
}

const job = JSON.parse(process.argv[2] ?? '') as LoadJob;
const began = performance.now();
const judgedFrom = began + 1000 * (job.warmUp ?? 0);
const answeredMs: number[] = [];
const refused: Record<string, number> = {};
const headers = { 'content-type': 'application/json' };
const bodies = job.questions.map((question) => JSON.stringify({ question, cache: job.cache }));

function take(status: number, ms: number): void {
  if (performance.now() - ms < judgedFrom) return;
  if (status === 200) answeredMs.push(ms);
  else refused[status] = (refused[status] ?? 0) + 1;
}

/** As fast as answers come. Returns how many connections broke, or had no answer. */
async function steadily(): Promise<number> {
  const run = autocannon({
    url: job.url,
    connections: job.connections,
    duration: job.seconds,
    requests: bodies.map((body) => ({ method: 'POST', path: '/api/query', headers, body })),
  });
  run.on('response', (_client, status, _bytes, ms) => take(status, ms));
  const { errors, timeouts } = await run;
  return errors + timeouts;
}

/**
 * At random moments: the gaps are exponential. (autocannon's rates are storms: all that is due in a second comes at its beginning.) A wait
 * counts from the moment at which the request was due, though all connections were in use.
 */
async function atRate(rate: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: job.connections });
  const random = mulberry32(1);
  const running: Promise<void>[] = [];
  let errors = 0;
  const ask = (body: string, due: number): Promise<void> =>
    new Promise((resolve) => {
      const length = Buffer.byteLength(body);
      request(`${job.url}/api/query`, { method: 'POST', agent, headers: { ...headers, 'content-length': length } })
        .on('response', (response) =>
          response.resume().once('end', () => {
            take(response.statusCode ?? 0, performance.now() - due);
            resolve();
          }),
        )
        .on('error', () => {
          errors++;
          resolve();
        })
        .end(body);
    });
  for (let i = 0, due = began; due < began + 1000 * job.seconds; i++) {
    due -= (Math.log(1 - random()) / rate) * 1000;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    running.push(ask(bodies[i % bodies.length] ?? '', due));
  }
  await Promise.all(running);
  agent.destroy();
  return errors;
}

const errors = await (job.rate === undefined ? steadily() : atRate(job.rate));
const result: LoadResult = { answeredMs, refused, errors, seconds: (performance.now() - judgedFrom) / 1000 };
process.send?.(result);
process.disconnect();
