/**
 * The default model: texts a second on one core, what embedding does to the event loop, and how long opening takes. The texts are lines of
 * the documents that npm put into node_modules: those between 30 and 100 characters, about a sentence each.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { watchLoop } from '../src/cli/bench/event-loop.js';
import { defaultModelFolder, openStaticEmbedder } from '../src/embed/static/embedder.js';
import { Encoder } from '../src/embed/static/encoder.js';
import { readStaticModel } from '../src/embed/static/folder.js';
import { Tokenizer } from '../src/embed/static/tokenizer.js';
import { atLeast, atMost, type Benchmark, type Context, type Outcome } from './support/report.js';
import { alternate, rate, timed, timedAsync, timesOf } from './support/rounds.js';
import { spread } from './support/statistics.js';

const COUNT = 20_000;
const GOAL_TEXTS = 30_000;
const GOAL_DELAY_MS = 3;

async function linesOfDocuments(count: number): Promise<string[]> {
  const root = fileURLToPath(new URL('../../node_modules', import.meta.url));
  const names = await readdir(root, { recursive: true });
  const lines = new Set<string>();
  for (const name of names.filter((file) => /\.md$/i.test(file)).sort()) {
    for (const line of (await readFile(join(root, name), 'utf8')).split('\n')) {
      if (line.length >= 30 && line.length <= 100) lines.add(line);
    }
    if (lines.size >= count) break;
  }
  return [...lines].slice(0, count);
}

async function run({ quick, rounds }: Context): Promise<Outcome> {
  const texts = await linesOfDocuments(quick ? COUNT / 4 : COUNT);
  const model = await readStaticModel(defaultModelFolder());
  const embedder = await openStaticEmbedder();
  const encoder = new Encoder(model.table);
  const tokenizer = new Tokenizer(model.table.vocabulary);
  const out = new Float32Array(texts.length * model.table.dim);
  const tokens = texts.reduce((sum, text) => sum + tokenizer.encode(text).length, 0);
  const times = await alternate(
    [
      { name: 'tokenizer', run: () => timed(() => texts.forEach((text) => tokenizer.encode(text))) },
      {
        name: 'one thread',
        run: () => timed(() => texts.forEach((text, i) => encoder.encode(text, out, i * model.table.dim))),
      },
      { name: 'embed()', run: () => timedAsync(() => embedder.embed(texts)) },
      { name: 'open', run: () => timedAsync(() => readStaticModel(defaultModelFolder())) },
    ],
    rounds,
  );
  const { delay: loop } = await watchLoop(() => embedder.embed(texts));
  const { delay: small } = await watchLoop(() => embedder.embed(texts.slice(0, 500)));
  const { delay: idle } = await watchLoop(() => sleep(200));
  await embedder.close();
  const speed = (name: string) => rate(times, name, texts.length);
  const open = spread(timesOf(times, 'open').map((seconds) => seconds * 1000));
  const row = (name: string, cells: readonly number[], digits: number) => [
    name,
    ...cells.map((cell) => cell.toFixed(digits)),
  ];
  const rows = ['tokenizer', 'one thread', 'embed()'].map((name) => {
    const { median, min, max } = speed(name);
    return row(`${name}, texts/s`, [median, min, max], 0);
  });
  rows.push(row('open, ms', [open.median, open.min, open.max], 1));
  return {
    setting: {
      texts: texts.length,
      charactersPerText: texts.join('').length / texts.length,
      tokensPerText: tokens / texts.length,
      modelTokens: model.tokens.length,
      dim: model.table.dim,
      rounds,
    },
    head: ['what', 'median', 'worst', 'best'],
    rows,
    goals: [
      atLeast('texts on one core, tokenising included', speed('one thread').median, GOAL_TEXTS, 'texts/s'),
      atLeast('embed() of many texts', speed('embed()').median, GOAL_TEXTS, 'texts/s'),
      atMost('event-loop delay p99 while it embeds many texts', loop.p99, GOAL_DELAY_MS, 'ms'),
      atMost('event-loop delay p99 while it embeds 500', small.p99, GOAL_DELAY_MS, 'ms'),
    ],
    measured: {
      tokenizer: speed('tokenizer'),
      oneThread: speed('one thread'),
      embed: speed('embed()'),
      open,
      loop,
      small,
      idle,
    },
    notes: [
      `The delay contains the 1 ms by which it is sampled; an idle loop showed a p99 of ${idle.p99.toFixed(1)} ms.`,
    ],
  };
}

export const benchmark: Benchmark = { title: 'Embedding with the default model', run };
