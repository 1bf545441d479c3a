import { strict as assert } from 'node:assert';

import { ranks, spearman } from '../../../src/embed/evaluate/correlation.js';
import { scoreRanking, scoreRankings } from '../../../src/embed/evaluate/ranking.js';

const near = (actual: number, wanted: number): void =>
  assert.ok(Math.abs(actual - wanted) < 1e-9, `${actual}, not ${wanted}`);

describe('embed/evaluate: ranked lists', () => {
  it('scores a list by hand', () => {
    const relevant = new Map([
      ['a', 1],
      ['b', 2],
      ['c', 0],
      ['z', 1],
    ]);
    const scores = scoreRanking(['x', 'a', 'c', 'b'], relevant);
    const best = 2 + 1 / Math.log2(3) + 1 / 2;
    near(scores.ndcg10, (1 / Math.log2(3) + 2 / Math.log2(5)) / best);
    near(scores.recall100, 2 / 3);
    near(scores.mrr10, 1 / 2);
    assert.equal(scores.success5, 1);
  });

  it('counts only as far down as each measure looks', () => {
    const others = (count: number): string[] => Array.from({ length: count }, (_, i) => `x${i}`);
    const relevant = new Map([['a', 1]]);
    assert.deepEqual(scoreRanking([...others(5), 'a'], relevant), {
      ndcg10: 1 / Math.log2(7),
      recall100: 1,
      mrr10: 1 / 6,
      success5: 0,
    });
    assert.deepEqual(scoreRanking([...others(10), 'a'], relevant), { ndcg10: 0, recall100: 1, mrr10: 0, success5: 0 });
    assert.deepEqual(scoreRanking([...others(100), 'a'], relevant), { ndcg10: 0, recall100: 0, mrr10: 0, success5: 0 });
  });

  it('asks no more than ten relevant documents of the first ten', () => {
    const ids = Array.from({ length: 30 }, (_, i) => `d${i}`);
    near(scoreRanking(ids, new Map(ids.map((id) => [id, 1]))).ndcg10, 1);
  });

  it('takes the mean over the queries that have a relevant document', () => {
    const judgements = new Map([
      ['q1', new Map([['a', 1]])],
      ['q2', new Map([['b', 1]])],
      ['q3', new Map([['c', 0]])],
    ]);
    const scores = scoreRankings(
      new Map([
        ['q1', ['a']],
        ['q3', ['c']],
      ]),
      judgements,
    );
    assert.deepEqual(scores, { ndcg10: 0.5, recall100: 0.5, mrr10: 0.5, success5: 0.5, queries: 2 });
    assert.deepEqual(scoreRankings(new Map(), new Map()), {
      ndcg10: 0,
      recall100: 0,
      mrr10: 0,
      success5: 0,
      queries: 0,
    });
  });
});

describe('embed/evaluate: rank correlation', () => {
  it('gives equal values the mean of their places', () => {
    assert.deepEqual([...ranks([10, 30, 20, 20])], [1, 4, 2.5, 2.5]);
  });

  it('knows order, its reverse, and ties', () => {
    near(spearman([1, 2, 3, 40], [0, 5, 6, 7]), 1);
    near(spearman([1, 2, 3], [9, 5, 1]), -1);
    // By hand: ranks 1 2.5 2.5 4 and 1 3 2 4.
    near(spearman([1, 2, 2, 3], [1, 3, 2, 4]), 4.5 / Math.sqrt(4.5 * 5));
  });
});
