import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { Collection } from '../../src/collection/collection.js';
import { planMeasured } from '../../src/plan/measured.js';
import type { MeasuredPlan, MeasureOptions } from '../../src/plan/types.js';
import { fails, random, suiteFolder } from '../lib/support.js';

const FILES = 80;
const SAMPLE = 20;

describe('planMeasured', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  let plan: MeasuredPlan;
  const phases = new Set<string>();

  before(async () => {
    // Words by a law like that of language, in files whose sizes differ as those of real ones do.
    const next = random(7);
    const word = (): string => `word${Math.floor(20_000 ** next()).toString(36)}`;
    const files = mkdtempSync(folder('files-'));
    for (let i = 0; i < FILES; i++) {
      const sentences = Array.from({ length: Math.ceil(5 + 200 * next() ** 4) }, () =>
        Array.from({ length: 12 }, word).join(' '),
      );
      writeFileSync(`${files}/${i}.md`, `# About ${word()}\n\n${sentences.join('. ')}.\n`);
    }
    const collection = await Collection.open(folder('all'), { cache: false });
    await collection.addFiles(files);
    await collection.ready();
    await collection.close();
    plan = await planMeasured({
      ...{ documents: FILES, qps: 50, files, sample: SAMPLE, index: { type: 'flat' } },
      onProgress: ({ phase }) => void phases.add(phase),
    });
  });

  it('measures half of the sample and all of it', () => {
    const { half, all } = plan.measured;
    assert.deepEqual([half.documents, all.documents], [SAMPLE / 2, SAMPLE]);
    assert.ok(half.chunks < all.chunks && half.databaseBytes < all.databaseBytes && half.indexBytes < all.indexBytes);
    for (const one of [half, all]) {
      assert.equal(one.factory, 'Flat');
      assert.ok(one.residentBytes > one.emptyBytes && one.emptyBytes > 10e6);
      assert.ok(one.p50Ms > 0 && one.p50Ms <= one.p95Ms && one.qps > 0 && one.cpuSeconds > 0);
    }
    assert.deepEqual([...phases].sort(), ['add', 'ask', 'read']);
  });

  it('predicts the disk and the index at four times the sample', async () => {
    const collection = await Collection.open(folder('all'), { readOnly: true });
    const { chunks, bytes, index } = await collection.stats();
    await collection.close();
    const within = (predicted: number, actual: number, part: number): void =>
      assert.ok(Math.abs(predicted / actual - 1) <= part, `${predicted} predicted, ${actual} found`);
    const { predicted } = plan;
    within(predicted.chunks, chunks, 0.15);
    within(predicted.disk.bytes, bytes.database + bytes.log + bytes.snapshot, 0.25);
    within(predicted.memory.indexBytes, index.bytes, 0.25);
    assert.equal(predicted.shards.count, 1);
    assert.ok(predicted.cores >= 1 && predicted.buildSeconds > 0 && predicted.scale > 3 && predicted.scale < 5);
  });

  it('takes documents of a collection, and shards where memory is short', async () => {
    const collection = await Collection.open(folder('all'), { readOnly: true });
    const { documents, chunks } = await collection.count();
    const measured = await planMeasured({
      ...{ documents: 2_000_000, qps: 10, collection, sample: 20, memory: 2 ** 30 },
    });
    await collection.close();
    const { setting, predicted, notes } = measured;
    assert.equal(predicted.chunksPerDocument, chunks / documents);
    assert.equal(setting.memoryBytes, 2 ** 30);
    assert.ok(predicted.shards.count > 1 && predicted.shards.memoryBytes < 2 ** 30);
    assert.match(notes.join('\n'), /times the sample[\s\S]*came from a collection/);
  });

  it('ends when it is aborted, and leaves nothing behind', async () => {
    const temporary = folder('temporary');
    const controller = new AbortController();
    const saved = process.env.TMPDIR;
    process.env.TMPDIR = mkdtempSync(temporary);
    try {
      const options: MeasureOptions = {
        ...{
          documents: 100,
          qps: 1,
          files: folder(readdirSync(folder('')).find((one) => one.startsWith('files-')) ?? ''),
        },
        ...{ sample: 20, signal: controller.signal },
        onProgress: ({ phase }) => phase === 'ask' && controller.abort(),
      };
      await fails(planMeasured(options), {
        ...{ code: 'E_ABORTED', message: 'The call was aborted.' },
        ...{ expected: 'a signal that is not aborted', actual: 'an aborted one' },
      });
      assert.deepEqual(readdirSync(process.env.TMPDIR), []);
    } finally {
      if (saved === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = saved;
    }
  });
});

describe('planMeasured refuses', () => {
  const folder = suiteFolder();
  const need = { documents: 10, qps: 1 };
  const cases: [
    what: string,
    options: () => unknown,
    code: 'E_ARGUMENT' | 'E_RANGE' | 'E_NOT_FOUND',
    message: RegExp,
  ][] = [
    ['no documents', () => ({ qps: 1 }), 'E_ARGUMENT', /^documents must be an integer/],
    ['an unknown option', () => ({ ...need, qsp: 1 }), 'E_ARGUMENT', /^There is no option "qsp"\. Known are documents/],
    [
      'a sample of 3',
      () => ({ ...need, sample: 3 }),
      'E_RANGE',
      /^sample must be an integer from 20 to 100,000, but is 3\.$/,
    ],
    [
      'a collection by name',
      () => ({ ...need, collection: 'x' }),
      'E_ARGUMENT',
      /^collection must be an open Collection/,
    ],
    ['an open model', () => ({ ...need, model: {} }), 'E_ARGUMENT', /^model must be the name or folder of a model/],
    ['no index', () => ({ ...need, index: null }), 'E_ARGUMENT', /^index must be an object, but is null\.$/],
    ['too little memory', () => ({ ...need, memory: 5 }), 'E_RANGE', /^memory must be an integer from 1,048,576/],
    ['a signal that is none', () => ({ ...need, signal: 5 }), 'E_ARGUMENT', /^signal must be an AbortSignal/],
    ['no paths', () => ({ ...need, files: [] }), 'E_ARGUMENT', /^paths must be a path, or an array of paths/],
    [
      'a folder without documents',
      () => ({ ...need, files: mkdtempSync(folder('empty-')) }),
      'E_RANGE',
      /has 0 documents that can be read, and measuring needs at least 20 documents/,
    ],
    ['a model that is not there', () => ({ ...need, model: '/no/such/model' }), 'E_NOT_FOUND', /\/no\/such\/model/],
  ];
  for (const [what, options, code, message] of cases) {
    it(what, async function () {
      this.timeout(60_000);
      await fails(planMeasured(options() as MeasureOptions), { code, message, expected: /./, actual: /./ });
    });
  }

  it('a collection and files', async () => {
    const collection = await Collection.open(folder('one'));
    try {
      await fails(planMeasured({ ...need, collection, files: '.' }), {
        ...{ code: 'E_ARGUMENT', message: /^Documents come from a collection or from files: give one of the two\.$/ },
        ...{ expected: 'collection or files', actual: 'both' },
      });
    } finally {
      await collection.close();
    }
    assert.ok(existsSync(folder('one')));
  });
});
