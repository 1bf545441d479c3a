/** `quiver models bench`: the models of this machine side by side, each in a process of its own. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuiverError } from '../../../lib/errors.js';
import type { ModelScores } from '../../embed/evaluate/benchmark.js';
import type { Context } from '../context.js';
import { variable } from '../environment.js';
import { bytes, count, table } from '../format.js';

/** What the child tells. */
export type Told =
  | { step: string }
  | { scores: ModelScores; dim: number }
  | { error: { code: string; message: string; expected?: string; actual?: string } };

export interface Row extends ModelScores {
  model: string;
  dim: number;
  /** Largest resident size of the processes that held it, together. */
  peakBytes: number;
}

const CHILD = fileURLToPath(new URL('bench-child.js', import.meta.url));
const SAMPLE_MS = 200;

/** Resident bytes of a process and all that it has started. */
async function residentOf(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const own = 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    let rest = 0;
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const children = await readFile(`/proc/${pid}/task/${task}/children`, 'utf8');
      for (const child of children.split(' ').filter((one) => one !== '')) rest += await residentOf(Number(child));
    }
    return own + rest;
  } catch {
    return 0; // gone meanwhile
  }
}

async function measure({ output, signal }: Context, model: string, data: string | undefined): Promise<Row> {
  const child = fork(CHILD, [model, ...(data === undefined ? [] : [data])], {
    signal,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let peakBytes = 0;
  const timer = setInterval(() => {
    if (child.pid === undefined) return;
    void residentOf(child.pid).then((now) => (peakBytes = Math.max(peakBytes, now)));
  }, SAMPLE_MS);
  try {
    return await new Promise<Row>((resolve, reject) => {
      child.on('message', (told: Told) => {
        if ('step' in told) output.note(output.dim(`${model}: ${told.step}`));
        else if ('scores' in told) resolve({ model, dim: told.dim, ...told.scores, peakBytes });
        else reject(new QuiverError(told.error.code as QuiverError['code'], told.error.message, told.error));
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`The process for ${model} ended with code ${String(code)}.`)));
    });
  } finally {
    clearInterval(timer);
  }
}

/** `--data`, else what comes with a checkout's neighbour folder. */
function dataFolder(given: string | undefined): string | undefined {
  const shared = join(variable('QUIVER_SHARED') ?? '../shared', 'data');
  return given ?? (existsSync(shared) ? shared : undefined);
}

export async function benchModels(
  context: Context,
  names: readonly string[],
  { data: given }: { data?: string },
): Promise<void> {
  const { output } = context;
  const { installedModels } = await import('../../embed/models/open.js');
  const data = dataFolder(given);
  const models = names.length > 0 ? names : (await installedModels()).map(({ name }) => name);
  const rows: Row[] = [];
  for (const model of models) rows.push(await measure(context, model, data));
  const score = (value: number | undefined): string => value?.toFixed(3) ?? '-';
  const cells = rows.map((row) => [
    row.model,
    String(row.dim),
    count(row.chunksPerSecond),
    count(row.sentencesPerSecond),
    score(row.stsb),
    score(row.scifact),
    score(row.cranfield),
    bytes(row.peakBytes),
  ]);
  const head = ['model', 'dim', 'chunks/s', 'sentences/s', 'STS-B', 'SciFact', 'Cranfield', 'memory'];
  const text = await table(head, ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'], cells);
  output.result({ data: data ?? null, models: rows }, () => text);
  output.note(
    output.dim(
      data === undefined
        ? 'Quality was not measured: give --data <folder> with stsb/, scifact/ and cranfield/.'
        : 'STS-B: Spearman, test split. SciFact, Cranfield: nDCG@10 of the vectors alone. Chunks of 1,000 characters.',
    ),
  );
}
