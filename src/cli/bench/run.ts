import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ioError } from '../../vectors/errors.js';
import type { BenchOptions } from '../commands/bench.js';
import type { Context } from '../context.js';
import { loadLibrary } from '../library.js';
import { withProgress } from '../progress.js';
import { UsageError } from '../usage.js';
import { loadData } from './data.js';
import { measure } from './measure.js';
import { toReport, toTable } from './report.js';

/** `quiver bench` */
export async function runBench({ output, signal }: Context, options: BenchOptions): Promise<void> {
  const types = splitTypes(options.types);
  const metric = options.metric ?? 'l2';
  const { configure, system } = await loadLibrary();
  if (options.threads !== undefined) configure({ threads: options.threads });
  const { data: name, queries, limit } = options;
  const data = await withProgress(output, { label: 'load vectors', unit: 'vectors' }, () =>
    loadData({ data: name, queries, limit, signal }),
  );
  const measured = await measure(data, {
    types,
    metric,
    signal,
    step: (work, run) => withProgress(output, work, run),
  });
  const report = toReport(data, metric, measured, system());
  if (options.output !== undefined) await writeJson(options.output, report);
  const style = { bold: (text: string) => output.bold(text), dim: (text: string) => output.dim(text) };
  const text = output.json ? '' : await toTable(data, metric, measured, system(), style);
  output.result(report, () => text);
}

/** `flat,hnsw`, or `flat;OPQ16,IVF256,PQ16` where a kind has commas of its own. */
function splitTypes(text: string): string[] {
  const types = text.split(text.includes(';') ? ';' : ',').map((type) => type.trim());
  if (types.length > 0 && types.every((type) => type !== '') && new Set(types).size === types.length) return types;
  throw new UsageError(
    `--types: expected different kinds of index, such as flat,hnsw, found "${text}"`,
    'flat,hnsw,ivf,auto',
    text,
  );
}

async function writeJson(path: string, value: object): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
  } catch (error) {
    throw ioError(path, 'write', error);
  }
}
