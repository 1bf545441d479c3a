import { strict as assert } from 'node:assert';

import type { Progress } from '../../../lib/index.js';
import { fitTable } from '../../../src/embed/fit/fit.js';
import { random } from '../../../src/embed/fit/random.js';
import { Vocabulary } from '../../../src/embed/static/vocabulary.js';
import { fails } from '../support.js';

const tokens = ['[UNK]', ...'abcdefghijklmnopqrstuvwxyz'.split(/(?=.)/)];
const vocabulary = Vocabulary.of(tokens);
const dim = 6;
const pick = random(4);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => pick.next() - 0.5);
const texts = Array.from({ length: 1200 }, () =>
  Array.from({ length: 1 + pick.below(5) }, () => tokens[1 + pick.below(26)]).join(' '),
);
const hidden = numbers(tokens.length * dim);
const targets = new Float32Array(texts.length * dim);
texts.forEach((text, i) => {
  const sum = new Float64Array(dim);
  for (const token of text.split(' '))
    for (let d = 0; d < dim; d++) sum[d] = sum[d] + hidden[tokens.indexOf(token) * dim + d];
  for (let d = 0; d < dim; d++) targets[i * dim + d] = sum[d] / Math.hypot(...sum);
});
const input = { vocabulary, dim, rows: numbers(tokens.length * dim), texts, targets };

describe('embed/fit: the fit in its thread', () => {
  it('learns, leaves what it was given alone, and gives the same again', async () => {
    const start = input.rows.slice();
    const options = { epochs: 20, batch: 32, learningRate: 0.02, seed: 5 };
    const { rows, losses } = await fitTable(input, options);
    assert.equal(losses.length, 20);
    assert.ok(losses[0] > 0.1 && losses[19] < 0.02, losses.join(' '));
    assert.deepEqual(input.rows, start);
    assert.deepEqual([...(await fitTable(input, options)).rows], [...rows]);
  });

  it('reports progress up to the end, and ends at once when no text has a token', async () => {
    const seen: Progress[] = [];
    await fitTable(input, { epochs: 2, onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(seen.at(-1), { phase: 'fit', done: 10, total: 10 });
    const nothing = { ...input, texts: ['', ' '], targets: targets.slice(0, 2 * dim) };
    assert.deepEqual([...(await fitTable(nothing)).rows], [...input.rows]);
  });

  it('rejects with what a progress callback throws', async () => {
    const thrown = new Error('from the callback');
    const onProgress = (): never => {
      throw thrown;
    };
    await assert.rejects(fitTable(input, { epochs: 2000, onProgress }), (error) => error === thrown);
  });

  it('is aborted while it takes the texts in', async () => {
    const controller = new AbortController();
    const work = fitTable(input, { signal: controller.signal });
    controller.abort();
    await fails(work, {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
  });

  it('refuses rows that are not those of the vocabulary', () =>
    fails(fitTable({ ...input, rows: numbers(7) }), {
      code: 'E_DIMENSION',
      message: 'rows must hold 162 numbers, but has 7.',
      expected: '162',
      actual: '7',
    }));

  it('refuses targets that are not those of the texts', () =>
    fails(fitTable({ ...input, targets: numbers(6) }), {
      code: 'E_DIMENSION',
      message: 'targets must hold 7200 numbers, but has 6.',
      expected: '7200',
      actual: '6',
    }));

  it('refuses to fit to nothing', () =>
    fails(fitTable({ ...input, texts: [], targets: new Float32Array() }), {
      code: 'E_ARGUMENT',
      message: 'texts must hold at least one text to fit to, but is empty.',
      expected: 'at least one text',
      actual: 'none',
    }));
});
