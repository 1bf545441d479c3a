/**
 * GPU against CPU on the same index: flat, IVF-Flat and IVF-PQ; what it takes to build one and to copy it over, and
 * batches of queries, with the recall of both.
 */
import { Index, system, type GpuIndex } from '../lib/index.js';
import { gpuDevice } from '../src/cli/doctor/search.js';
import { benchData, recallOf, type Data } from './support/data.js';
import { codesOf, K } from './support/indexes.js';
import { ratioCell, type Benchmark, type Context, type Outcome } from './support/report.js';
import { alternate, rate, speedRatio, timedAsync } from './support/rounds.js';
import { spread, type Spread } from './support/statistics.js';

const KINDS = ['flat', 'ivf-flat', 'ivf-pq'] as const;
type Kind = (typeof KINDS)[number];
const NLIST = { full: 1024, quick: 64 };
const NPROBE = 16;
const QUERIES = { full: 10_000, quick: 1_000 };
/** FAISS on GPUs has codes of these lengths; those past 48 need float16. */
const CODE_BYTES = [48, 32, 28, 24, 20, 16, 12, 8, 4, 3, 2, 1];

interface Measured {
  kind: Kind;
  factory: string;
  /** Seconds of training and adding on the CPU, of which the copy is made. */
  cpuBuild: Spread;
  gpuCopy: Spread;
  cpuQps: Spread;
  gpuQps: Spread;
  ratio: Spread;
  cpuRecall: number;
  gpuRecall: number;
}

function factoryOf(kind: Kind, dim: number, quick: boolean): string {
  const lists = `IVF${String(quick ? NLIST.quick : NLIST.full)}`;
  if (kind === 'flat') return 'Flat';
  if (kind === 'ivf-flat') return `${lists},Flat`;
  return `${lists},PQ${String(CODE_BYTES.find((bytes) => dim % bytes === 0) ?? 1)}`;
}

async function build(factory: string, { base, dim }: Data): Promise<Index> {
  const index = await Index.create({ dim, type: factory, nprobe: NPROBE });
  if (!index.stats().trained) await index.train(base);
  await index.add(base);
  return index;
}

/** Seconds of `rounds` runs; what each made is taken away again, but for the last. */
async function repeatedly<T extends { close: () => Promise<void> }>(
  rounds: number,
  make: () => Promise<T>,
): Promise<{ seconds: Spread; made: T }> {
  const seconds: number[] = [];
  for (;;) {
    const began = performance.now();
    const made = await make();
    seconds.push((performance.now() - began) / 1000);
    if (seconds.length >= rounds) return { seconds: spread(seconds), made };
    await made.close();
  }
}

async function measure(kind: Kind, data: Data, truth: ArrayLike<number>, context: Context): Promise<Measured> {
  const factory = factoryOf(kind, data.dim, context.quick);
  context.say(`${kind}: building ${factory} on the CPU`);
  const { seconds: cpuBuild, made: index } = await repeatedly(context.rounds, () => build(factory, data));
  let gpu: GpuIndex | undefined;
  try {
    context.say(`${kind}: copying to the GPU`);
    await (await index.toGpu()).close(); // the first takes the driver's start with it
    const copied = await repeatedly(context.rounds, () => index.toGpu());
    gpu = copied.made;
    const copy = gpu;
    if (kind === 'flat') await codesOf(index, data);
    context.say(`${kind}: searching`);
    const times = await alternate(
      [
        { name: 'cpu', run: () => timedAsync(() => index.search(data.queries, K)) },
        { name: 'gpu', run: () => timedAsync(() => copy.search(data.queries, K)) },
      ],
      context.rounds,
    );
    const recall = async (side: Index | GpuIndex): Promise<number> =>
      recallOf(truth, (await side.search(data.queries, K)).ids as Float64Array, K);
    return {
      kind,
      factory,
      cpuBuild,
      gpuCopy: copied.seconds,
      cpuQps: rate(times, 'cpu', data.queryCount),
      gpuQps: rate(times, 'gpu', data.queryCount),
      ratio: speedRatio(times, 'gpu', 'cpu'),
      cpuRecall: await recall(index),
      gpuRecall: await recall(gpu),
    };
  } finally {
    await gpu?.close();
    await index.close();
  }
}

/** `0.98 (0.95)`: the median, and the least. */
function cell({ median, min }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)})`;
}

async function run(context: Context): Promise<Outcome> {
  const all = await benchData(context.quick ? 5_000 : undefined);
  const queryCount = Math.min(all.queryCount, context.quick ? QUERIES.quick : QUERIES.full);
  const data = { ...all, queryCount, queries: all.queries.subarray(0, queryCount * all.dim) };
  const exact = await build('Flat', data);
  const truth = (await exact.search(data.queries, K)).ids as Float64Array;
  await exact.close();
  const measured: Measured[] = [];
  for (const kind of KINDS) measured.push(await measure(kind, data, truth, context));
  return {
    setting: { data: data.name, base: data.count, dim: data.dim, queries: queryCount, k: K, nprobe: NPROBE },
    head: ['index', 'CPU build, s', 'copy to GPU, s', 'CPU QPS', 'GPU QPS', 'GPU / CPU', 'recall CPU', 'recall GPU'],
    rows: measured.map((one) => [
      one.factory,
      cell(one.cpuBuild, 2),
      cell(one.gpuCopy, 2),
      cell(one.cpuQps, 0),
      cell(one.gpuQps, 0),
      ratioCell(one.ratio),
      one.cpuRecall.toFixed(4),
      one.gpuRecall.toFixed(4),
    ]),
    goals: [],
    measured,
    notes: [
      `On ${(await gpuDevice()) ?? 'a GPU that nvidia-smi does not name'}, one of ${String(system().gpus.count)}, beside ${String(system().threads)} CPU threads. Each cell: the median of ${String(context.rounds)} rounds, and the least. One round of a search is one call with all queries, the way there and back included.`,
      'An index is trained and filled on the CPU and then copied, so building one for a GPU takes both times.',
    ],
  };
}

function unable(): string | undefined {
  const { count, reason = 'no GPU' } = system().gpus;
  return count > 0 ? undefined : reason;
}

export const benchmark: Benchmark = { title: 'GPU against CPU', unable, run };
