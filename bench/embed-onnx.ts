/**
 * A sentence-transformers model in ONNX format against a Python pipeline of the same parts (onnxruntime, tokenizers), with the
 * same file and as many threads. Python's batch size is the best of several, chosen for each kind of text; ours is the default.
 */
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OnnxEmbedder } from '../src/embed/onnx/onnx-embedder.js';
import { readOnnxFolder } from '../src/embed/onnx/folder.js';
import { readRetrievalSet } from '../src/embed/evaluate/sets.js';
import { watchLoop } from '../src/cli/bench/event-loop.js';
import type { LineServer } from '../test/support/line-server.js';
import { pythonWith } from '../test/support/python.js';
import { system } from '../lib/index.js';
import { mulberry32 } from './support/data.js';
import { passages } from './support/passages.js';
import { startPipeline } from './support/python.js';
import { atLeast, atMost, ratioCell, type Benchmark, type Context, type Outcome } from './support/report.js';
import { alternate, rate, speedRatio, timedAsync } from './support/rounds.js';
import type { Spread } from './support/statistics.js';

const MODEL = 'all-MiniLM-L6-v2-int8';
const BATCHES = [1, 2, 4, 8, 16, 32];
const GOAL_DELAY_MS = 3;

interface Kind {
  name: string;
  texts: string[];
  goal: number;
}

interface Case {
  name: string;
  texts: number;
  characters: number;
  batch: number;
  ours: Spread;
  theirs: Spread;
  ratio: Spread;
  cosine: { min: number; mean: number };
}

function shared(...parts: string[]): string {
  return resolve(process.env.QUIVER_SHARED ?? '../shared', ...parts);
}

function some(texts: readonly string[], count: number): string[] {
  const random = mulberry32(11);
  return Array.from({ length: Math.min(count, texts.length) }, () => texts[Math.floor(random() * texts.length)] ?? '');
}

async function kinds(quick: boolean): Promise<Kind[]> {
  const { name, lines } = passages();
  const found: Kind[] = [{ name, texts: some(lines, quick ? 300 : 5000), goal: 1.4 }];
  const scifact = shared('data', 'scifact');
  if (existsSync(scifact)) {
    const { documents } = await readRetrievalSet(scifact);
    const texts = some(
      documents.map(({ text }) => text),
      quick ? 40 : 600,
    );
    found.push({ name: 'abstracts of SciFact', texts, goal: 1.1 });
  }
  return found;
}

/** Cosine of our vectors and theirs, both of length 1. */
function agreement(ours: Float32Array, theirs: Float32Array, dim: number): Case['cosine'] {
  const cosines: number[] = [];
  for (let at = 0; at < ours.length; at += dim) {
    let dot = 0;
    for (let i = at; i < at + dim; i++) dot += (ours[i] ?? 0) * (theirs[i] ?? 0);
    cosines.push(dot);
  }
  return { min: Math.min(...cosines), mean: cosines.reduce((sum, one) => sum + one, 0) / cosines.length };
}

/** The batch size with which Python is fastest. */
async function bestBatch(python: LineServer): Promise<number> {
  let best = { batch: 1, seconds: Infinity };
  for (const batch of BATCHES) {
    const seconds = await python.askNumber('embed', batch);
    if (seconds < best.seconds) best = { batch, seconds };
  }
  return best.batch;
}

async function measure(kind: Kind, embedder: OnnxEmbedder, python: LineServer, context: Context): Promise<Case> {
  const { texts, name } = kind;
  context.say(`${texts.length} texts: ${name}`);
  const file = join(context.folder, 'texts.json');
  writeFileSync(file, JSON.stringify(texts));
  await python.ask('texts', file);
  const batch = await bestBatch(python);
  let vectors: Float32Array = new Float32Array();
  const times = await alternate(
    [
      {
        name: 'node',
        run: () =>
          timedAsync(async () => {
            vectors = await embedder.embed(texts);
          }),
      },
      { name: 'python', run: () => python.askNumber('embed', batch) },
    ],
    context.rounds,
  );
  const theirs = await readFile(await python.ask('vectors', join(context.folder, 'python.f32')));
  return {
    name,
    texts: texts.length,
    characters: Math.round(texts.join('').length / texts.length),
    batch,
    ours: rate(times, 'node', texts.length),
    theirs: rate(times, 'python', texts.length),
    ratio: speedRatio(times, 'node', 'python'),
    cosine: agreement(vectors, new Float32Array(new Uint8Array(theirs).buffer), embedder.dim),
  };
}

function absent(reason: string): Outcome {
  const text = `not measured: ${reason.split('\n')[0] ?? ''}`;
  return { setting: {}, head: ['peer'], rows: [[text]], goals: [], measured: undefined, notes: [text] };
}

async function run(context: Context): Promise<Outcome> {
  const folder = shared('models', MODEL);
  if (!existsSync(folder)) return absent(`models/${MODEL} is not in QUIVER_SHARED`);
  let interpreter: string;
  try {
    interpreter = await pythonWith('onnx');
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
  const { maxTokens } = await readOnnxFolder(folder);
  const threads = system().threads;
  const python = startPipeline(interpreter);
  const embedder = await OnnxEmbedder.open(folder, { sessions: threads });
  try {
    await python.ask('model', folder, threads, maxTokens);
    const found = await kinds(context.quick);
    const cases: Case[] = [];
    for (const kind of found) cases.push(await measure(kind, embedder, python, context));
    const { delay } = await watchLoop(() => embedder.embed(found[0]?.texts ?? []));
    return {
      setting: { model: MODEL, threads, rounds: context.rounds, python: await python.ask('about') },
      head: ['texts', 'characters', 'Node texts/s', 'Python texts/s', 'its batch', 'Node / Python', 'cosine, least'],
      rows: cases.map((one) => [
        `${one.texts} ${one.name}`,
        String(one.characters),
        one.ours.median.toFixed(0),
        one.theirs.median.toFixed(0),
        String(one.batch),
        ratioCell(one.ratio),
        one.cosine.min.toFixed(4),
      ]),
      goals: [
        ...cases.map(({ name, ratio }, i) =>
          atLeast(`${name}: Node / Python at its best batch size`, ratio.median, found[i]?.goal ?? 1),
        ),
        atMost('event-loop delay p99 while it embeds', delay.p99, GOAL_DELAY_MS, 'ms'),
      ],
      measured: { cases, loop: delay },
      notes: [
        `Python: one session of ${threads} threads, texts sorted by length. Node: ${threads} processes with a session of one thread each.`,
        'The int8 graph scales activations by batch, so vectors move a little with their company: cosine, not equality.',
      ],
    };
  } finally {
    await python.close();
    await embedder.close();
  }
}

export const benchmark: Benchmark = { title: 'Embedding with MiniLM against Python', run };
