/** Load on a server, from a process of its own: what the load costs must not be counted as the server's. */
import autocannon from 'autocannon';

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
  /** Requests a second, whatever the server makes of them; without it, as fast as answers come. */
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
const run = autocannon({
  url: job.url,
  connections: job.connections,
  duration: job.seconds,
  ...(job.rate !== undefined && { overallRate: job.rate }),
  requests: job.questions.map((question) => ({
    method: 'POST',
    path: '/api/query',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question, cache: job.cache }),
  })),
});
const answeredMs: number[] = [];
const refused: Record<string, number> = {};
const judgedFrom = began + 1000 * (job.warmUp ?? 0);
run.on('response', (_client, status, _bytes, ms) => {
  if (performance.now() - ms < judgedFrom) return;
  if (status === 200) answeredMs.push(ms);
  else refused[status] = (refused[status] ?? 0) + 1;
});
const { errors, timeouts } = await run;
const result: LoadResult = {
  answeredMs,
  refused,
  errors: errors + timeouts,
  seconds: (performance.now() - judgedFrom) / 1000,
};
process.send?.(result);
process.disconnect();
