import { strict as assert } from 'node:assert';

import { planSearch } from '../../src/store/request.js';
import type { SearchRequest } from '../../src/store/backend.js';
import { DIM, fails, MODEL, vectorsFor } from './support.js';

const vector = vectorsFor('question', 1);
const plan = (request: unknown) => planSearch(request as SearchRequest, MODEL);
const refused = (request: object, message: string | RegExp, code: 'E_ARGUMENT' | 'E_RANGE' = 'E_ARGUMENT') =>
  fails(() => plan({ text: 'x', vector, ...request }), { code, message, expected: /./, actual: /./ });

describe('planSearch', () => {
  it('takes the mode from what is given', () => {
    assert.equal(plan({ text: 'a' }).mode, 'keyword');
    assert.equal(plan({ vector }).mode, 'vector');
    assert.equal(plan({ text: 'a', vector }).mode, 'hybrid');
    assert.equal(plan({ text: 'a', vector, mode: 'keyword' }).vector, undefined);
    assert.equal(plan({ text: 'a', vector, mode: 'vector' }).text, undefined);
  });

  it('brings the vector to length 1', () => {
    assert.ok(Math.abs(Math.hypot(...(plan({ vector }).vector ?? [])) - 1) < 1e-6);
  });

  it('refuses what is no search', async () => {
    await fails(() => plan(null), {
      code: 'E_ARGUMENT',
      message: 'the search must be an object, but is null.',
      expected: 'an object',
      actual: 'null',
    });
    await fails(() => plan({}), {
      code: 'E_ARGUMENT',
      message: 'text must be given, or vector, but is undefined.',
      expected: 'given, or vector',
      actual: 'undefined',
    });
    await refused({ text: 5 }, 'text must be a string, but is 5.');
    await refused({ mode: 'magic' }, "mode must be 'hybrid', 'vector' or 'keyword', but is \"magic\".");
    await refused({ mode: 'hybrid', text: undefined }, "text must be given for mode 'hybrid', but is undefined.");
    await refused({ mode: 'vector', vector: undefined }, "vector must be given for mode 'vector', but is undefined.");
  });

  it('refuses wrong numbers', async () => {
    await refused({ k: 0 }, 'k must be an integer from 1 to 1,000, but is 0.', 'E_RANGE');
    await refused({ k: 10, offset: 9_991 }, 'offset must be an integer from 0 to 9,990, but is 9991.', 'E_RANGE');
    await refused({ weight: 1.5 }, 'weight must be from 0 to 1, but is 1.5.', 'E_RANGE');
    await refused({ weight: '1' }, 'weight must be a number from 0 to 1, but is "1".');
    await refused({ mmr: { lambda: -1 } }, 'mmr.lambda must be from 0 to 1, but is -1.', 'E_RANGE');
    await refused({ mmr: true }, 'mmr must be { lambda }, but is true.');
    await refused({ minScore: NaN }, 'minScore must be a number, but is NaN.');
    await refused({ minCosine: 'x' }, 'minCosine must be a number, but is "x".');
    await refused({ perDocument: 0 }, 'perDocument must be an integer from 1 to 1,000, but is 0.', 'E_RANGE');
    await refused({ snippet: 10 }, 'snippet must be an integer from 40 to 2,000, but is 10.', 'E_RANGE');
    await refused({ exact: 1 }, 'exact must be true or false, but is 1.');
    await refused({ fusion: 'sum' }, "fusion must be 'score' or 'rrf', but is \"sum\".");
    await refused({ filter: 1 }, /^filter must be an object/);
  });

  it('refuses a cosine limit where there is no cosine', async () => {
    await refused({ mode: 'keyword', minCosine: 0.5 }, 'minCosine needs a vector; this search has words alone.');
  });

  it('refuses vectors that do not fit', async () => {
    await refused({ vector: [1] }, 'vector must be a Float32Array, but is an array of 1.');
    await fails(() => plan({ vector: new Float32Array(3) }), {
      code: 'E_DIMENSION',
      message: `vector must have ${String(DIM)} numbers, as the vectors of the store, but has 3.`,
      expected: String(DIM),
      actual: '3',
    });
    await fails(() => plan({ vector: new Float32Array(DIM).fill(Infinity, 2, 3) }), {
      code: 'E_NOT_FINITE',
      message: 'vector holds Infinity at position 2.',
      expected: 'finite numbers',
      actual: 'Infinity',
    });
    await fails(() => plan({ vector, fingerprint: 'v2' }), {
      code: 'E_MODEL_MISMATCH',
      message:
        'The vectors of this store have the fingerprint v1, not v2. Embed the question with the model of the store and search again.',
      expected: 'v1',
      actual: 'v2',
    });
  });

  it('refuses a signal that is aborted', async () => {
    await fails(() => plan({ text: 'x', signal: AbortSignal.abort() }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
  });
});
