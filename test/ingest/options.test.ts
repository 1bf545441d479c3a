import { strict as assert } from 'node:assert';
import { ingest } from '../../src/ingest/ingest.js';
import type { ErrorCode } from '../../lib/index.js';
import { checkIngestOptions } from '../../src/ingest/options.js';
import type { IngestOptions } from '../../src/ingest/types.js';
import { fails } from '../lib/support.js';

describe('the options of ingest', () => {
  const refuses = (options: unknown, code: ErrorCode, name: string, expected: string, actual: string) =>
    fails(() => checkIngestOptions(options as IngestOptions), {
      code,
      message: `${name} must be ${expected}, but is ${actual}.`,
      expected,
      actual,
    });

  it('have defaults', () => {
    const { concurrency, ...settings } = checkIngestOptions({});
    assert.ok(concurrency >= 1 && concurrency <= 8);
    assert.equal(settings.known('any'), undefined);
    assert.deepEqual(
      { ...settings, known: undefined },
      {
        root: process.cwd(),
        include: undefined,
        exclude: ['**/node_modules/**'],
        hidden: false,
        followLinks: false,
        known: undefined,
        maxSeconds: 30,
        read: {
          chunk: { size: 1000, overlap: 200 },
          encoding: undefined,
          maxBytes: undefined,
          maxRecordBytes: 8 * 2 ** 20,
          maxPages: 10_000,
          maxMemory: 512 * 2 ** 20,
        },
        signal: undefined,
      },
    );
  });

  it('are refused where they are not what they must be', async () => {
    await refuses(null, 'E_ARGUMENT', 'options', 'an object', 'null');
    await refuses({ root: 7 }, 'E_ARGUMENT', 'root', 'a path', '7');
    await refuses({ include: '*.md' }, 'E_ARGUMENT', 'include', 'an array of globs', '"*.md"');
    await refuses({ exclude: [1] }, 'E_ARGUMENT', 'exclude', 'an array of globs', 'an array of 1');
    await refuses({ hidden: 'yes' }, 'E_ARGUMENT', 'hidden', 'true or false', '"yes"');
    await refuses({ followLinks: 1 }, 'E_ARGUMENT', 'followLinks', 'true or false', '1');
    await refuses({ known: new Map() }, 'E_ARGUMENT', 'known', 'a function', 'a Map');
    await refuses({ signal: {} }, 'E_ARGUMENT', 'signal', 'an AbortSignal', 'an Object');
    const encodings = 'the name of an encoding, such as utf-8, shift_jis or windows-1252';
    await refuses({ encoding: 'utf-9' }, 'E_ARGUMENT', 'encoding', encodings, '"utf-9"');
    await refuses({ concurrency: 0 }, 'E_RANGE', 'concurrency', 'an integer from 1 to 256', '0');
    await refuses({ maxSeconds: '9' }, 'E_ARGUMENT', 'maxSeconds', 'a number above 0', '"9"');
    await refuses({ maxSeconds: 0 }, 'E_RANGE', 'maxSeconds', 'above 0 and up to 2,000,000', '0');
    await refuses({ maxSeconds: NaN }, 'E_RANGE', 'maxSeconds', 'above 0 and up to 2,000,000', 'NaN');
    await refuses({ maxPages: -1 }, 'E_RANGE', 'maxPages', 'an integer from 1 to 1,000,000', '-1');
    await refuses(
      { maxRecordBytes: 1e9 },
      'E_RANGE',
      'maxRecordBytes',
      'an integer from 1 to 268,435,456',
      '1000000000',
    );
    const memory = 'an integer from 67,108,864 to 1,099,511,627,776';
    await refuses({ maxMemory: 1000 }, 'E_RANGE', 'maxMemory', memory, '1000');
    const bytes = 'an integer from 1 to 9,007,199,254,740,991';
    await refuses({ maxBytes: 0.5 }, 'E_RANGE', 'maxBytes', bytes, '0.5');
    await refuses({ chunk: { size: 1 } }, 'E_RANGE', 'chunk.size', 'an integer from 20 to 1,000,000', '1');
  });

  it('are refused where there is no such option', async () => {
    const known =
      'root, include, exclude, hidden, followLinks, known, chunk, encoding, concurrency, maxSeconds, maxBytes, maxRecordBytes, maxPages, maxMemory, signal';
    await fails(() => checkIngestOptions({ maxByte: 1 } as never), {
      code: 'E_ARGUMENT',
      message: `There is no option "maxByte". Known are ${known}.`,
      expected: known,
      actual: 'maxByte',
    });
  });

  it('are checked before anything is read, as the paths are', async () => {
    const first = (paths: unknown, options?: object) => ingest(paths as string, options).next();
    await fails(first('.', { concurrency: 'all' }), {
      code: 'E_ARGUMENT',
      message: 'concurrency must be an integer from 1 to 256, but is "all".',
      expected: 'an integer from 1 to 256',
      actual: '"all"',
    });
    const expected = 'a path, or an array of paths';
    for (const [paths, actual] of [
      [[], 'an array of 0'],
      ['', '""'],
      [['a', ''], '""'],
      [[7], '7'],
      [undefined, 'undefined'],
    ]) {
      await fails(first(paths), {
        code: 'E_ARGUMENT',
        message: `paths must be ${expected}, but is ${String(actual)}.`,
        expected,
        actual: String(actual),
      });
    }
    await fails(first('a\0b'), { code: 'E_ARGUMENT', message: /^paths holds a NUL character in "a/, expected });
  });
});
