/** `quiver bench --guide`: the performance guide's targets, what it reports of itself, and what this machine does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Collection } from '../../collection/collection.js';
import type { TextInput } from '../../collection/types.js';
import { createEngine, type Engine } from '../../engine/engine.js';
import { sampleOfFiles } from '../../plan/sample.js';
import type { Context } from '../context.js';
import { bytes, count, seconds, table } from '../format.js';
import { withProgress } from '../progress.js';

export interface GuideOptions {
  files?: string[];
  documents: number;
  model?: string;
}

interface Row {
  name: string;
  target: string;
  /** What the guide reports of its own system. */
  guide: string;
  ours: number;
  shown: string;
  met: boolean;
}

const QUESTIONS = 200;
const TOP = 5;
/** Words of a sentence that ask for it: a question names some of what it looks for, not all. */
const WORDS = 6;

interface Question {
  text: string;
  /** Whatever document holds it is a right one: licences and such say the same in many. */
  sentence: string;
}

/** The same numbers for the same seed (a linear congruential generator; Numerical Recipes). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** Known-item questions: some words of a sentence that one of the documents holds, in their order. */
function questionsOf(documents: readonly TextInput[], most: number): Question[] {
  const next = random(7);
  const found: Question[] = [];
  for (let tries = 0; found.length < most && tries < most * 20; tries++) {
    const document = documents[Math.floor(next() * documents.length)];
    const sentences = document?.text.match(/[^.!?\n]{40,240}[.!?]/g) ?? [];
    const sentence = sentences[Math.floor(next() * sentences.length)];
    const words = sentence?.match(/[\p{L}\p{N}-]{4,}/gu) ?? [];
    if (sentence === undefined || words.length < WORDS) continue;
    const kept = words.filter(() => next() < WORDS / words.length).slice(0, WORDS);
    if (kept.length >= WORDS / 2) found.push({ text: kept.join(' '), sentence });
  }
  return found;
}

async function meanSeconds<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<number> {
  const began = performance.now();
  for (const item of items) await work(item);
  return (performance.now() - began) / 1000 / Math.max(1, items.length);
}

async function relevance(
  collection: Collection,
  questions: readonly Question[],
  texts: ReadonlyMap<string, string>,
): Promise<number> {
  let hits = 0;
  for (const { text, sentence } of questions) {
    const found = await collection.search(text, { k: TOP, perDocument: 1 });
    if (found.hits.some(({ document: { id } }) => texts.get(id)?.includes(sentence) === true)) hits++;
  }
  return (100 * hits) / Math.max(1, questions.length);
}

async function rowsOf(
  engine: Engine,
  collection: Collection,
  documents: readonly TextInput[],
  read: { seconds: number; documents: number },
  tick: () => void,
): Promise<Row[]> {
  const questions = questionsOf(documents, QUESTIONS);
  const texts = new Map(documents.map(({ id = '', text }) => [id, text]));
  const began = performance.now();
  await engine.ingest({ texts: documents });
  const perMinute = (60 * read.documents) / (read.seconds + (performance.now() - began) / 1000);
  tick();
  const query = await meanSeconds(questions, ({ text }) => engine.query(text, { cache: false }));
  tick();
  const search = await meanSeconds(questions, ({ text }) => collection.search(text, { mode: 'vector' }));
  tick();
  const chunks = documents.flatMap(({ chunks: parts = [] }) => parts.map(({ text }) => text)).slice(0, 2000);
  const embed = await meanSeconds([chunks], (all) => collection.embed(all));
  tick();
  const right = await relevance(collection, questions, texts);
  tick();
  const rss = process.memoryUsage.rss();
  return [
    {
      name: 'time of a query, mean',
      target: '< 2 s',
      guide: '1.2 s',
      ours: query,
      shown: seconds(query),
      met: query < 2,
    },
    {
      name: 'documents a minute',
      target: '> 30',
      guide: '50',
      ours: perMinute,
      shown: count(perMinute),
      met: perMinute > 30,
    },
    {
      name: 'embeddings a second',
      target: '> 50',
      guide: '100',
      ours: chunks.length / embed,
      shown: count(chunks.length / embed),
      met: chunks.length / embed > 50,
    },
    {
      name: 'vector search, mean',
      target: '< 0.2 s',
      guide: '< 0.1 s',
      ours: search,
      shown: seconds(search),
      met: search < 0.2,
    },
    { name: 'memory', target: '< 4 GB', guide: '2.5 GB', ours: rss, shown: bytes(rss), met: rss < 4e9 },
    {
      name: `relevance: a right document among ${TOP}`,
      target: '> 85 %',
      guide: '92 %',
      ours: right,
      shown: `${right.toFixed(1)} %`,
      met: right > 85,
    },
  ];
}

export async function benchGuide(
  { output, signal }: Context,
  { files, documents: most, model }: GuideOptions,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-guide-'));
  try {
    await using collection = await Collection.open(join(folder, 'collection'), {
      signal,
      ...(model !== undefined && { model }),
    });
    await using engine = createEngine({ collection, cache: false });
    const result = await withProgress(output, { label: 'measure', unit: 'steps', total: 6 }, async (update) => {
      let done = 0;
      const sample = await sampleOfFiles(files, most, { signal });
      update(++done);
      const read = { seconds: sample.readSeconds, documents: sample.documents.length };
      return { sample, rows: await rowsOf(engine, collection, sample.documents, read, () => update(++done)) };
    });
    const { sample, rows } = result;
    const json = {
      source: sample.source,
      documents: sample.documents.length,
      chunks: sample.chunks,
      model: collection.embedder.model,
      rows,
    };
    const lines = await table(
      ['', 'target', 'the guide', 'here', ''],
      ['left', 'right', 'right', 'right', 'left'],
      rows.map(({ name, target, guide, shown, met }) => [
        name,
        target,
        guide,
        shown,
        met ? output.color('green', 'met') : output.color('red', 'missed'),
      ]),
    );
    output.result(json, () =>
      [
        lines,
        '',
        output.dim(
          `${count(sample.documents.length)} documents, ${count(sample.chunks)} chunks, ${collection.embedder.model}. Relevance: up to ${WORDS} words of a sentence find a document that holds it.`,
        ),
      ].join('\n'),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
