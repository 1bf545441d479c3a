import { strict as assert } from 'node:assert';
import { cpSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/run.js';
import { needShared } from '../support/skip.js';
import { quiver, quiverError, quiverJson, suiteFolder } from './support.js';

interface Entry {
  name: string;
  kind: string;
  dim: number;
  folder?: string;
  shipped: boolean;
}

const SHIPPED = join(repositoryRoot, 'models', 'quiver-static-256');

describe('quiver models', () => {
  const file = suiteFolder();
  before(() => {
    process.env.QUIVER_HOME = file('home');
    process.env.QUIVER_MODELS = file('models');
  });
  after(() => {
    delete process.env.QUIVER_HOME;
    delete process.env.QUIVER_MODELS;
  });

  it('lists what is known and what is here', async () => {
    const { models } = await quiverJson<{ models: Entry[] }>('models', 'list');
    assert.equal(models.length, 5);
    assert.deepEqual(
      models.filter(({ folder }) => folder !== undefined).map(({ name }) => name),
      ['quiver-static-256'],
    );
    const { stdout } = await quiver('models', 'list');
    assert.match(stdout, /all-MiniLM-L6-v2 .*384 .*Apache-2\.0 .*quiver models pull minilm/);
    assert.match(stdout, /quiver-static-256 .*comes with the package/);
  });

  it('takes a model in from a folder, once', async () => {
    const added = await quiverJson<{ dim: number }>('models', 'add', SHIPPED, '--name', 'mine');
    assert.equal(added.dim, 256);
    const { models } = await quiverJson<{ models: Entry[] }>('models', 'list');
    assert.deepEqual([models.at(-1)?.name, models.at(-1)?.kind, models.at(-1)?.dim], ['mine', 'static', 256]);
    assert.equal((await quiverError(1, 'models', 'add', SHIPPED, '--name', 'mine')).code, 'E_EXISTS');
    assert.match(
      (await quiverError(1, 'models', 'add', SHIPPED, '--name', 'minilm')).message,
      /another name of all-MiniLM/,
    );
    assert.equal((await quiverError(1, 'models', 'add', SHIPPED, '--name', '../up')).code, 'E_ARGUMENT');
    assert.equal((await quiverError(1, 'models', 'add', file('none'))).code, 'E_NOT_FOUND');
  });

  it('checks a model, and finds a damaged one', async () => {
    const good = await quiverJson<{ ok: boolean; checks: unknown[] }>('models', 'check', 'default');
    assert.deepEqual([good.ok, good.checks.length], [true, 4]);
    cpSync(SHIPPED, file('cut'), { recursive: true });
    truncateSync(file('cut/table.bin'), 1000);
    assert.equal((await quiverError(1, 'models', 'check', file('cut'))).code, 'E_CORRUPT');
    assert.match((await quiverError(1, 'models', 'check', 'minilm')).message, /quiver models pull all-MiniLM-L6-v2/);
  });

  it('compares an ONNX model to its reference, where there is one', async function () {
    const shared = needShared(this, 'models/all-MiniLM-L6-v2-int8');
    const { checks } = await quiverJson<{ checks: { what: string; ok: boolean; found: string }[] }>(
      'models',
      'check',
      shared,
    );
    const reference = checks.find(({ what }) => what === 'reference.jsonl');
    assert.ok(reference?.ok);
    assert.match(reference.found, /each of 60 texts/);
  });

  it('measures models on the sets that are there', async () => {
    mkdirSync(file('data/stsb'), { recursive: true });
    const pairs = [
      { sentence1: 'A dog runs.', sentence2: 'A dog is running.', score: 5 },
      { sentence1: 'A man plays a guitar.', sentence2: 'Someone plays music.', score: 3 },
      { sentence1: 'A plane lands.', sentence2: 'She peels an onion.', score: 0 },
    ];
    writeFileSync(file('data/stsb/test.jsonl'), pairs.map((pair) => JSON.stringify(pair)).join('\n'));
    const { models } = await quiverJson<{ models: Record<string, number | undefined>[] }>(
      'models',
      'bench',
      'default',
      '--data',
      file('data'),
    );
    const [row] = models;
    assert.deepEqual([row?.dim, row?.stsb, row?.scifact], [256, 1, undefined]);
    assert.ok((row?.chunksPerSecond ?? 0) > 100 && (row?.sentencesPerSecond ?? 0) > 1000);
    assert.ok((row?.peakBytes ?? 0) > 50e6);
    assert.equal((await quiverError(1, 'models', 'bench', file('none'))).code, 'E_NOT_FOUND');
  });

  it('changes the model of a collection', async () => {
    writeFileSync(file('a.md'), 'The lighthouse keeper lights the lamp at dusk.');
    await quiverJson('add', 'lamps', file('a.md'));
    const used = await quiverJson<{ before: string; model: string; chunks: number }>('models', 'use', 'lamps', 'mine');
    assert.deepEqual([used.before, used.model, used.chunks], ['quiver-static-256', 'quiver-static-256', 1]);
    assert.equal((await quiverError(1, 'models', 'use', 'lamps', 'nothing')).code, 'E_NOT_FOUND');
  });

  it('fits the small model to a collection', async () => {
    const subjects = [
      'harbor',
      'bread',
      'star',
      'engine',
      'forest',
      'violin',
      'glacier',
      'market',
      'printer',
      'orchard',
    ];
    const verbs = [
      'keeps',
      'needs',
      'loses',
      'shows',
      'holds',
      'hides',
      'makes',
      'wants',
      'gives',
      'takes',
      'finds',
      'moves',
      'turns',
    ];
    const lines = subjects.flatMap((subject) =>
      verbs.map((verb) =>
        JSON.stringify({ id: `${subject}-${verb}`, text: `The old ${subject} ${verb} what nobody in town remembers.` }),
      ),
    );
    writeFileSync(file('facts.jsonl'), lines.join('\n'));
    await quiverJson('add', 'facts', file('facts.jsonl'));
    const fitted = await quiverJson<{ model: string; chunks: number; agreement: { before: number; after: number } }>(
      'models',
      'fit',
      'facts',
      '--teacher',
      'mine',
    );
    assert.deepEqual([fitted.model, fitted.chunks], ['quiver-static-256-fitted', 130]);
    assert.ok(fitted.agreement.after > 0.3 && fitted.agreement.after <= 1);
    const info = await quiverJson<{ model: { name: string } }>('info', 'facts');
    assert.equal(info.model.name, 'quiver-static-256-fitted');
    assert.match((await quiverError(2, 'models', 'fit', 'facts')).message, /required option '-t, --teacher <model>'/);
  });
});
