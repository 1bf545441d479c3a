import { strict as assert } from 'node:assert';

import { rowsFromPieces, rowsFromTeacher, tokenShares } from '../../../src/embed/fit/start.js';
import { splitWords, worthKeeping } from '../../../src/embed/fit/vocabulary.js';
import { Vocabulary } from '../../../src/embed/static/vocabulary.js';

const vocabulary = Vocabulary.of(['[UNK]', 'whole', 'part', '##ly', '##s', 'a']);

describe('embed/fit: the tokens of a table', () => {
  it('drops unused tokens and those of scripts known by letters only', () => {
    const tokens = [
      '[PAD]',
      '[unused7]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      '[MASK]',
      '!',
      'a',
      'é',
      'σ',
      '##ing',
      '…',
      '€',
      '漢',
      'и',
      'ا',
      '##ー',
    ];
    assert.deepEqual(worthKeeping(tokens), ['[UNK]', '!', 'a', 'é', 'σ', '##ing', '…', '€']);
  });

  it('counts the texts that have a word which the vocabulary splits', () => {
    const texts = ['Partly partly whole', 'PARTLY, parts; wholly', 'pártly a', 'part5 partly5 and-partly'];
    assert.deepEqual(splitWords(texts, vocabulary, 2), [{ word: 'partly', texts: 4 }]);
    assert.deepEqual(splitWords(texts, vocabulary, 1), [
      { word: 'partly', texts: 4 },
      { word: 'parts', texts: 1 },
    ]);
  });
});

describe('embed/fit: where a fit begins', () => {
  it('counts tokens in shares of all', () => {
    assert.deepEqual([...tokenShares(['whole part', 'partly a'], vocabulary)], [0, 0.2, 0.4, 0.2, 0, 0.2]);
    assert.deepEqual([...tokenShares([], vocabulary)], [0, 0, 0, 0, 0, 0]);
  });

  it('takes the mean off, turns into the axes, and weighs common tokens down', () => {
    const axes = { matrix: Float64Array.of(0, 1, 1, 0), from: 2, to: 2, kept: 1 };
    const rows = rowsFromTeacher(Float32Array.of(3, 1, 1, 5), Float64Array.of(1, 1), axes, Float64Array.of(0, 3e-4));
    assert.deepEqual([...rows], [0, 2, 1, 0]);
  });

  it('gives a new word the sum of its pieces', () => {
    const rows = Float32Array.from({ length: 12 }, (_, i) => 2 ** i);
    assert.deepEqual(
      [...rowsFromPieces(['partly', 'parts'], vocabulary, rows, 2)],
      [16 + 64, 32 + 128, 16 + 256, 32 + 512],
    );
  });
});
