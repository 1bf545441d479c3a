import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { defaultModelFolder, openStaticEmbedder } from '../../../src/embed/static/embedder.js';
import { readStaticModel, writeStaticModel } from '../../../src/embed/static/folder.js';
import { packRows, quantise, unpackRows, widen } from '../../../src/embed/static/table.js';
import { fails, folders, random } from '../support.js';

describe('embed/static: the model folder', () => {
  const { make, copyOfModel } = folders();

  it('ships a model of at most 10 MB with its card and notices', () => {
    const folder = defaultModelFolder();
    const names = readdirSync(folder).sort();
    assert.deepEqual(names, [
      'LICENSE-APACHE-2.0',
      'NOTICE',
      'README.md',
      'config.json',
      'table.bin',
      'vocabulary.txt',
    ]);
    const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    assert.ok(bytes <= 10_000_000, `${bytes} bytes`);
  });

  it('refuses a folder without a model', () => {
    const folder = make();
    return fails(readStaticModel(folder), {
      code: 'E_NOT_FOUND',
      message: `Expected a static model in ${folder}, found no config.json there. Give the folder of a model that has one.`,
      expected: 'config.json',
      actual: 'nothing',
    });
  });

  it('refuses a config that cannot be read', () => {
    const folder = make();
    mkdirSync(join(folder, 'config.json'));
    return fails(readStaticModel(folder), {
      code: 'E_IO',
      message: /^Reading .*config\.json failed: EISDIR/,
    });
  });

  for (const [name, at] of [
    ['table.bin', 0],
    ['table.bin', 0.5],
    ['table.bin', 1],
    ['vocabulary.txt', 0.5],
  ] as const) {
    it(`refuses one flipped bit in ${name} at ${at * 100} %`, () => {
      const folder = copyOfModel();
      const file = join(folder, name);
      const bytes = readFileSync(file);
      const place = Math.min(bytes.length - 1, Math.floor(bytes.length * at));
      bytes[place] = bytes[place] ^ 1;
      writeFileSync(file, bytes);
      return fails(openStaticEmbedder(folder), {
        code: 'E_CORRUPT',
        message: /is damaged: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}\. Get the model again\.$/,
        expected: /^SHA-256 /,
        actual: /^[0-9a-f]{64}$/,
      });
    });
  }

  for (const name of ['table.bin', 'vocabulary.txt']) {
    it(`refuses a ${name} that is cut off`, () => {
      const folder = copyOfModel();
      const { size } = statSync(join(folder, name));
      truncateSync(join(folder, name), size - 1);
      return fails(readStaticModel(folder), {
        code: 'E_CORRUPT',
        message: `${join(folder, name)} is damaged: expected ${size} bytes, found ${size - 1} bytes. Get the model again.`,
        expected: `${size} bytes`,
        actual: `${size - 1} bytes`,
      });
    });

    it(`refuses a missing ${name}`, () => {
      const folder = copyOfModel();
      rmSync(join(folder, name));
      return fails(readStaticModel(folder), {
        code: 'E_NOT_FOUND',
        message: `Expected a static model in ${folder}, found no ${name} there. Give the folder of a model that has one.`,
        expected: name,
        actual: 'nothing',
      });
    });
  }

  it('refuses files that do not fit each other, hashes right or not', () => {
    const folder = copyOfModel();
    const file = join(folder, 'vocabulary.txt');
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      files: Record<string, { bytes: number; sha256: string }>;
    };
    const words = `${readFileSync(file, 'utf8')}onewordmore\n`;
    writeFileSync(file, words);
    config.files['vocabulary.txt'] = {
      bytes: Buffer.byteLength(words),
      sha256: createHash('sha256').update(words).digest('hex'),
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    return fails(readStaticModel(folder), {
      code: 'E_CORRUPT',
      message: /table\.bin is damaged: expected \d+ bytes for \d+ tokens, found \d+ bytes\. Get the model again\.$/,
      expected: /^\d+ bytes for \d+ tokens$/,
      actual: /^\d+ bytes$/,
    });
  });

  it('refuses a config that is no JSON', () => {
    const folder = copyOfModel();
    writeFileSync(join(folder, 'config.json'), '{ "format": 1,');
    return fails(readStaticModel(folder), {
      code: 'E_CORRUPT',
      message: `${join(folder, 'config.json')} is damaged: expected JSON, found something else. Get the model again.`,
      expected: 'JSON',
      actual: 'something else',
    });
  });

  const wrong: [string, Record<string, unknown>][] = [
    ['no format', { format: undefined }],
    ['a dimension beyond reason', { dim: 1e9 }],
    ['an odd dimension', { dim: 255 }],
    ['other bits', { bits: 16 }],
    ['a weight above 1', { hybridWeight: 2 }],
    ['no name', { name: 7 }],
    ['no hashes', { files: {} }],
  ];
  for (const [what, change] of wrong) {
    it(`refuses a config with ${what}`, () => {
      const folder = copyOfModel();
      const file = join(folder, 'config.json');
      writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...change }));
      return fails(readStaticModel(folder), {
        code: 'E_CORRUPT',
        message: `${file} is damaged: expected the description of a static model, found something else. Get the model again.`,
        expected: 'the description of a static model',
        actual: 'something else',
      });
    });
  }

  it('refuses a model of a later format', () => {
    const folder = copyOfModel();
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), format: 2 }));
    return fails(readStaticModel(folder), {
      code: 'E_VERSION',
      message: `${file} has format 2, but this version of Quiver reads up to 1. Install a newer Quiver.`,
      expected: 'at most 1',
      actual: '2',
    });
  });

  const tokens = ['[UNK]', 'one', 'two', '##s'];
  const next = random(3);
  const numbers = Float32Array.from({ length: tokens.length * 6 }, () => next() - 0.5);

  for (const bits of [4, 8] as const) {
    it(`reads back what it wrote with ${bits} bits`, async () => {
      const folder = join(make(), 'nested', 'model');
      const info = { name: 'tiny', version: '0.1.0', dim: 6, bits, hybridWeight: 0.25, teacher: 'none' };
      const table = quantise(numbers, 6, bits);
      await writeStaticModel(folder, { info, tokens, table, card: '# Tiny\n' });
      const read = await readStaticModel(folder);
      assert.deepEqual(read.info, info);
      assert.deepEqual(read.tokens, tokens);
      assert.deepEqual([...read.table.rows], [...table.rows]);
      assert.deepEqual([...read.table.scales], [...table.scales]);
      assert.equal(readFileSync(join(folder, 'README.md'), 'utf8'), '# Tiny\n');
      const again = await readStaticModel(folder);
      assert.equal(again.fingerprint, read.fingerprint);
      await writeStaticModel(folder, {
        info,
        tokens,
        table: quantise(
          numbers.map((x) => -x),
          6,
          bits,
        ),
        card: '',
      });
      assert.notEqual((await readStaticModel(folder)).fingerprint, read.fingerprint);
    });
  }

  it('leaves nothing behind when it cannot write', async () => {
    const parent = make();
    writeFileSync(join(parent, 'file'), '');
    const target = join(parent, 'file', 'model');
    const info = { name: 'tiny', version: '0.1.0', dim: 6, bits: 8 as const, hybridWeight: 0.25 };
    await fails(writeStaticModel(target, { info, tokens, table: quantise(numbers, 6, 8), card: '' }), {
      code: 'E_IO',
      message: /^Writing the model to .* failed: E(EXIST|NOTDIR)/,
    });
    assert.deepEqual(readdirSync(parent), ['file']);
    assert.ok(!existsSync(target));
  });
});

describe('embed/static: the table', () => {
  const next = random(9);
  const rows = Float32Array.from({ length: 50 * 8 }, () => (next() - 0.5) * 4);
  rows.fill(0, 8, 16);

  for (const [bits, most] of [
    [8, 0.5 / 127],
    [4, 0.5],
  ] as const) {
    it(`keeps numbers near what they were with ${bits} bits`, () => {
      const small = quantise(rows, 8, bits);
      const wide = widen({ ...small, dim: 8 });
      for (let row = 0; row < 50; row++) {
        const [from, to] = [row * 8, (row + 1) * 8];
        const peak = Math.max(...rows.slice(from, to).map(Math.abs));
        for (let i = from; i < to; i++) {
          assert.ok(Math.abs(wide[i] - rows[i]) <= peak * most + 1e-6, `${wide[i]} for ${rows[i]}`);
        }
      }
      assert.ok(wide.subarray(8, 16).every((value) => value === 0));
    });

    it(`packs and unpacks every number of ${bits} bits`, () => {
      const largest = 2 ** (bits - 1) - 1;
      const all = Int8Array.from({ length: 2 * (2 * largest + 1) }, (_, i) => (i % (2 * largest + 1)) - largest);
      const bytes = packRows(all, bits);
      assert.equal(bytes.length, (all.length * bits) / 8);
      assert.deepEqual([...unpackRows(bytes, bits)], [...all]);
    });
  }
});
