import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Progress } from '../../../lib/index.js';
import { adaptModel } from '../../../src/embed/fit/adapt.js';
import { random } from '../../../src/embed/fit/random.js';
import { defaultModelFolder, StaticEmbedder } from '../../../src/embed/static/embedder.js';
import { readStaticModel, writeStaticModel, type StaticModel } from '../../../src/embed/static/folder.js';
import { quantise, widen } from '../../../src/embed/static/table.js';
import { Vocabulary } from '../../../src/embed/static/vocabulary.js';
import { fails, folders } from '../support.js';
import { repositoryRoot } from '../../support/run.js';

/** Lines of this repository: its documents, and the code of lib/ and of src/embed. */
function lines(count: number): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const files = ['README.md', 'CONTRIBUTING.md', ...below('docs'), ...below('lib'), ...below('src/embed')];
  const texts = files
    .sort()
    .filter((name) => /\.(md|ts)$/.test(name))
    .map((name) => readFileSync(join(repositoryRoot, name), 'utf8'));
  const found = texts.flatMap((text) => text.split('\n')).filter((line) => line.trim().length > 40);
  return random(1)
    .shuffle([...new Set(found)])
    .slice(0, count);
}

describe('embed/fit: a model fitted to a collection', () => {
  const { make } = folders();
  const texts = lines(900);
  let teacher: StaticEmbedder;
  /** The teacher's table on a vocabulary without long words, and half forgotten. */
  let student: StaticModel;

  before(async () => {
    const model = await readStaticModel(defaultModelFolder());
    teacher = new StaticEmbedder(model);
    const { dim } = model.table;
    const kept = model.tokens
      .slice(0, 12_000)
      .map((token, id) => ({ token, id }))
      .filter(({ token }) => token === '[UNK]' || token.length < 8);
    const wide = widen(model.table);
    const noise = random(2);
    const rows = new Float32Array(kept.length * dim);
    kept.forEach(({ id }, row) => {
      for (let d = 0; d < dim; d++) rows[row * dim + d] = wide[id * dim + d] + (noise.next() - 0.5) * 0.15;
    });
    const tokens = kept.map(({ token }) => token);
    student = {
      info: { ...model.info, name: 'half-forgotten', bits: 8 },
      tokens,
      table: { vocabulary: Vocabulary.of(tokens), dim, ...quantise(rows, dim, 8) },
      fingerprint: '',
    };
  });
  after(() => teacher.close());

  it('agrees more with its teacher afterwards, on texts that it has not seen', async () => {
    const seen: Progress[] = [];
    const {
      model,
      agreement,
      losses,
      newWords,
      texts: counts,
    } = await adaptModel(student, teacher, texts, {
      onProgress: (progress) => seen.push(progress),
    });
    assert.ok(agreement.after > agreement.before + 0.05, `${agreement.before} before, ${agreement.after} after`);
    assert.ok(losses.at(-1)! < losses[0] * 0.6, losses.join(' '));
    assert.equal(losses.length, 10);
    assert.deepEqual(counts, { learned: 810, heldOut: 90 });
    assert.ok(newWords > 20, `${newWords} new words`);
    assert.equal(model.tokens.length, student.tokens.length + newWords);
    assert.deepEqual(model.info, { ...student.info, name: 'half-forgotten-fitted', teacher: 'quiver-static-256' });
    assert.deepEqual([...new Set(seen.map(({ phase }) => phase))], ['embed', 'fit']);

    const folder = join(make(), 'fitted');
    await writeStaticModel(folder, { ...model, card: '# Fitted\n' });
    const read = new StaticEmbedder(await readStaticModel(folder));
    const embedded = await read.embed(texts.slice(0, 20));
    const inMemory = await new StaticEmbedder({ ...model, fingerprint: '' }).embed(texts.slice(0, 20));
    assert.deepEqual(embedded, inMemory);
  });

  it('gives the same model for the same seed; takes no new words when told so, and the name that it is given', async () => {
    const options = { epochs: 1, mostWords: 0, name: 'mine' };
    const first = await adaptModel(student, teacher, texts.slice(0, 150), options);
    const second = await adaptModel(student, teacher, texts.slice(0, 150), options);
    assert.deepEqual(
      [first.newWords, first.model.info.name, first.model.tokens.length],
      [0, 'mine', student.tokens.length],
    );
    assert.ok(first.model.table.rows.some((value, i) => value !== student.table.rows[i]));
    assert.deepEqual([...second.model.table.rows], [...first.model.table.rows]);
  });

  it('is aborted in the middle of the fit', async () => {
    const controller = new AbortController();
    const onProgress = ({ phase }: Progress): void => {
      if (phase === 'fit') controller.abort();
    };
    await fails(adaptModel(student, teacher, texts, { epochs: 500, signal: controller.signal, onProgress }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
  });

  it('refuses fewer texts than a fit can learn from', async () => {
    const many = [...texts.slice(0, 99), texts[0], ' '];
    await fails(adaptModel(student, teacher, many), {
      code: 'E_ARGUMENT',
      message: 'Fitting needs at least 100 different texts, but there are 99. Add documents first.',
      expected: 'at least 100',
      actual: '99',
    });
  });

  it('refuses what is no text', () =>
    fails(adaptModel(student, teacher, [...texts, 5 as never]), {
      code: 'E_ARGUMENT',
      message: 'texts[900] must be a string, but is 5.',
      expected: 'a string',
      actual: '5',
    }));

  it('refuses a bound that is no count', () =>
    fails(adaptModel(student, teacher, texts, { leastTexts: 0 }), {
      code: 'E_RANGE',
      message: 'leastTexts must be an integer from 1 to 2,147,483,648, but is 0.',
      expected: 'an integer from 1 to 2,147,483,648',
      actual: '0',
    }));
});
