import { strict as assert } from 'node:assert';
import { Index } from '../../lib/index.js';
import { checkOptions, checkPath, checkSearch, listsFor, METRICS, parseNote, probesFor } from '../../lib/options.js';
import { fails } from './support.js';

const KNOWN =
  'dim, metric, metricArg, type, idType, M, efConstruction, efSearch, nlist, nprobe, policy, memory, recall';

/** Both the check itself and Index.create() refuse the options. */
async function refused(options: object, failure: Parameters<typeof fails>[1]): Promise<void> {
  await fails(() => checkOptions(options as never), failure);
  await fails(Index.create(options as never), failure);
}

describe('lib: options', () => {
  it('has defaults', () => {
    assert.deepEqual(checkOptions({ dim: 8 }), {
      spec: { dim: 8, metric: 'l2', metricArg: 2, factory: 'Flat', efConstruction: 0, efSearch: 0, nprobe: 0 },
      idType: 'number',
      note: { version: 1, type: 'auto', auto: { policy: 'default' } },
    });
  });

  it('comes to a FAISS factory string for each type', () => {
    const factory = (options: object) => {
      const { spec, note } = checkOptions({ dim: 8, ...options });
      return [spec.factory, spec.efConstruction, spec.efSearch, spec.nprobe, note.listsAtTraining ?? false];
    };
    assert.deepEqual(factory({ type: 'flat' }), ['Flat', 0, 0, 0, false]);
    assert.deepEqual(factory({ type: 'hnsw' }), ['HNSW32,Flat', 200, 64, 0, false]);
    assert.deepEqual(factory({ type: 'hnsw', M: 16, efConstruction: 80, efSearch: 30 }), [
      'HNSW16,Flat',
      80,
      30,
      0,
      false,
    ]);
    assert.deepEqual(factory({ type: 'ivf' }), ['IVF1,Flat', 0, 0, 0, {}]);
    assert.deepEqual(factory({ type: 'ivf', nprobe: 4 }), ['IVF1,Flat', 0, 0, 4, { nprobe: 4 }]);
    assert.deepEqual(factory({ type: 'ivf', nlist: 128 }), ['IVF128,Flat', 0, 0, 4, false]);
    assert.deepEqual(factory({ type: 'ivf', nlist: 128, nprobe: 9 }), ['IVF128,Flat', 0, 0, 9, false]);
    assert.deepEqual(factory({ type: 'HNSW16,SQ8' }), ['HNSW16,SQ8', 200, 64, 0, false]);
    assert.deepEqual(factory({ type: 'PQ4' }), ['PQ4', 0, 0, 0, false]);
  });

  it('keeps what auto goes by', () => {
    const { note } = checkOptions({ dim: 8, type: 'auto', policy: 'guide', memory: 1000, recall: 0.9 });
    assert.deepEqual(note, { version: 1, type: 'auto', auto: { policy: 'guide', memory: 1000, recall: 0.9 } });
  });

  it('refuses options that it does not know', async () => {
    await refused(
      { dim: 8, mteric: 'l2' },
      {
        code: 'E_ARGUMENT',
        message: `There is no option "mteric". Known are ${KNOWN}.`,
        expected: KNOWN,
        actual: 'mteric',
      },
    );
  });

  it('refuses options that are no object', async () => {
    for (const [value, actual] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [8, '8'],
      ['8', '"8"'],
    ] as const) {
      const message = `options must be an object with dim, but is ${actual}.`;
      await refused(value as never, { code: 'E_ARGUMENT', message, expected: 'an object with dim', actual });
    }
  });

  it('refuses every dim but 1 to 65,536', async () => {
    assert.equal(checkOptions({ dim: 65_536 }).spec.dim, 65_536);
    const expected = 'an integer from 1 to 65,536';
    for (const [dim, actual] of [
      [0, '0'],
      [-1, '-1'],
      [1.5, '1.5'],
      [65_537, '65537'],
      [2 ** 31, '2147483648'],
      [NaN, 'NaN'],
      ['8', '"8"'],
      [undefined, 'undefined'],
      [8n, '8n'],
    ] as const) {
      await refused(
        { dim },
        { code: 'E_DIMENSION', message: `dim must be ${expected}, but is ${actual}.`, expected, actual },
      );
    }
  });

  it('refuses other words than it knows', async () => {
    const metrics = `one of ${METRICS.join(', ')}`;
    const words: [string, unknown, string, string][] = [
      ['metric', 'L2', metrics, '"L2"'],
      ['metric', 2, metrics, '2'],
      ['metric', null, metrics, 'null'],
      ['idType', 'string', 'one of number, bigint', '"string"'],
      ['policy', 'best', 'one of default, guide', '"best"'],
      ['type', '', "'flat', 'hnsw', 'ivf', 'auto' or a FAISS factory string", '""'],
      ['type', 5, "'flat', 'hnsw', 'ivf', 'auto' or a FAISS factory string", '5'],
    ];
    for (const [name, value, expected, actual] of words) {
      if (name === 'metric' && value === null) continue; // like undefined: the default
      const message = `${name} must be ${expected}, but is ${actual}.`;
      await refused({ dim: 8, [name]: value }, { code: 'E_ARGUMENT', message, expected, actual });
    }
  });

  it('refuses numbers out of bounds, each with its bounds', async () => {
    const bounds: [string, number, number][] = [
      ['M', 2, 512],
      ['efConstruction', 1, 1_048_576],
      ['efSearch', 1, 1_048_576],
      ['nlist', 1, 4_194_304],
      ['nprobe', 1, 4_194_304],
      ['memory', 1, Number.MAX_SAFE_INTEGER],
    ];
    for (const [name, min, max] of bounds) {
      const expected = `an integer from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`;
      for (const value of [min - 1, max + 1, -1, 2.5, NaN, Infinity]) {
        const message = `${name} must be ${expected}, but is ${value}.`;
        await refused({ dim: 8, [name]: value }, { code: 'E_RANGE', message, expected, actual: String(value) });
      }
      const message = `${name} must be ${expected}, but is "9".`;
      await refused({ dim: 8, [name]: '9' }, { code: 'E_ARGUMENT', message, expected, actual: '"9"' });
    }
  });

  it('refuses a recall or a metricArg out of bounds', async () => {
    for (const value of [0, -0.1, 1.01, NaN]) {
      const message = `recall must be above 0 and up to 1, but is ${value}.`;
      await refused(
        { dim: 8, recall: value },
        { code: 'E_RANGE', message, expected: 'above 0 and up to 1', actual: String(value) },
      );
    }
    await refused(
      { dim: 8, recall: '1' },
      {
        code: 'E_ARGUMENT',
        message: 'recall must be a number above 0 and up to 1, but is "1".',
        expected: 'a number above 0 and up to 1',
        actual: '"1"',
      },
    );
    for (const [value, actual] of [
      [0, '0'],
      [101, '101'],
      [NaN, 'NaN'],
      ['2', '"2"'],
    ] as const) {
      const message = `metricArg must be above 0 and up to 100, but is ${actual}.`;
      await refused(
        { dim: 8, metricArg: value },
        { code: 'E_RANGE', message, expected: 'above 0 and up to 100', actual },
      );
    }
  });

  it('checks the parameters of a search', async () => {
    assert.deepEqual(checkSearch({}), { efSearch: 0, nprobe: 0, exact: false, threads: 0 });
    assert.deepEqual(checkSearch({ efSearch: 5, nprobe: 6, exact: true, threads: 7 }), {
      efSearch: 5,
      nprobe: 6,
      exact: true,
      threads: 7,
    });
    for (const [name, max] of [
      ['efSearch', '1,048,576'],
      ['nprobe', '4,194,304'],
      ['threads', '1,024'],
    ] as const) {
      const expected = `an integer from 1 to ${max}`;
      const message = `${name} must be ${expected}, but is 0.`;
      await fails(() => checkSearch({ [name]: 0 }), { code: 'E_RANGE', message, expected, actual: '0' });
    }
    await fails(() => checkSearch({ exact: 1 as never }), {
      code: 'E_ARGUMENT',
      message: 'exact must be true or false, but is 1.',
      expected: 'true or false',
      actual: '1',
    });
    await fails(() => checkSearch(5 as never), {
      code: 'E_ARGUMENT',
      message: 'options must be an object, but is 5.',
      expected: 'an object',
      actual: '5',
    });
  });

  it('checks paths', async () => {
    assert.equal(checkPath('path', 'a b'), 'a b');
    for (const [value, actual] of [
      ['', '""'],
      [5, '5'],
      [undefined, 'undefined'],
    ] as const) {
      const message = `path must be a file path, but is ${actual}.`;
      await fails(() => checkPath('path', value), { code: 'E_ARGUMENT', message, expected: 'a file path', actual });
    }
    const message = 'path holds a NUL character.';
    await fails(() => checkPath('path', 'a\0b'), { code: 'E_ARGUMENT', message, expected: 'a file path' });
  });

  it('counts lists and probes as FAISS advises', () => {
    assert.deepEqual([1, 100, 1000, 60_000, 1_000_000].map(listsFor), [1, 2, 25, 980, 4000]);
    assert.deepEqual([1, 16, 64, 980].map(probesFor), [1, 1, 2, 31]);
  });

  it('works without a note that it cannot read', () => {
    assert.deepEqual(parseNote('{"version":1,"type":"flat"}'), { version: 1, type: 'flat' });
    for (const text of ['', 'no', 'null', '5', '{"version":2}']) {
      assert.deepEqual(parseNote(text), { version: 1, type: 'imported' });
    }
  });
});
