import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { CapacityPlan } from '../../src/plan/formula.js';
import type { MeasuredPlan } from '../../src/plan/types.js';
import { quiver, quiverError, quiverJson, suiteFolder } from './support.js';

interface Plan {
  formula: CapacityPlan;
  measured?: MeasuredPlan;
}

const NEED = ['--documents', '100000', '--qps', '50'];

describe('quiver plan', function () {
  this.timeout(300_000);
  const file = suiteFolder();

  before(() => {
    mkdirSync(file('docs'));
    for (let i = 0; i < 24; i++) {
      writeFileSync(
        file(`docs/${i}.md`),
        `# Lighthouse ${i}\n\n${`The lamp of lighthouse ${i} turns. `.repeat(10 + i * 8)}\n`,
      );
    }
  });

  it('prints the formula as a table', async () => {
    const { code, stdout, stderr } = await quiver('plan', ...NEED);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^100,000 documents, 50 queries\/s, 150\/s at the peak\n/);
    assert.match(stdout, /^by the formula +need +with buffer +AWS USD +GCP USD$/m);
    assert.match(stdout, /^cores +15 +23 +1150\.00 +1035\.00$/m);
    assert.match(stdout, /^memory, GB +3\.08 +5 +25\.00 +22\.50$/m);
    assert.match(stdout, /^a month +1175\.40 +1057\.82$/m);
    assert.match(stdout, /prices of \d{4}-\d\d-\d\d/);
  });

  it('prints it as JSON, with another peak', async () => {
    const { formula, measured } = await quiverJson<Plan>('plan', ...NEED, '--peak', '1');
    assert.deepEqual(formula.get, { storageGB: 4, memoryGB: 5, cores: 8 });
    assert.equal(measured, undefined);
  });

  it('measures with the files that are named', async () => {
    const args = ['plan', ...NEED, '--measured', '--sample', '20', '--files', file('docs'), '--type', 'hnsw'];
    const { measured } = await quiverJson<Plan>(...args);
    assert.ok(measured);
    assert.deepEqual([measured.measured.all.documents, measured.setting.index], [20, 'HNSW32,Flat']);
    assert.ok(measured.predicted.disk.bytes > 1e8 && measured.predicted.memory.bytes > 1e8);
  });

  it('measures with a collection, and says of each figure what it is', async () => {
    const added = await quiver('add', file('lights'), file('docs'));
    assert.equal(added.code, 0, added.stderr);
    const args = ['plan', ...NEED, '--measured', '--sample', '20', '--collection', file('lights')];
    const { code, stdout, stderr } = await quiver(...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Measured here with quiver-static-256 \(256 dimensions\), index /m);
    assert.match(stdout, /^ +sample, measured +plan, predicted$/m);
    assert.match(stdout, /^documents +20 +100,000$/m);
    for (const name of [
      'database on disk',
      'index in memory',
      'memory of the process',
      'shards',
      'cores for the peak',
    ]) {
      assert.match(stdout, new RegExp(`^${name} +\\S.* +\\S+`, 'm'));
    }
    assert.match(stdout, /One collection is enough\./);
  });

  it('has a help', async () => {
    const { code, stdout } = await quiver('plan', '--help');
    assert.equal(code, 0);
    for (const option of [
      '--documents',
      '--qps',
      '--peak',
      '--measured',
      '--sample',
      '--collection',
      '--files',
      '--json',
    ])
      assert.ok(stdout.includes(option), option);
  });

  it('says what is wrong with its command line', async () => {
    const wrong = async (...args: string[]): Promise<string> => (await quiverError(2, 'plan', ...args)).message;
    assert.match(await wrong('--qps', '5'), /required option '--documents <n>' not specified/);
    assert.equal(
      await wrong('--documents', '0', '--qps', '5'),
      '--documents: expected a whole number from 1 to 1000000000000, found "0"',
    );
    assert.equal(
      await wrong('--documents', '5', '--qps', 'x'),
      '--qps: expected a number from 0 to 1000000000, found "x"',
    );
    assert.equal(await wrong(...NEED, '--sample', '50'), '--sample: expected --measured with it, found none');
    assert.equal(
      await wrong(...NEED, '--measured', '--collection', 'a', '--files', 'b'),
      'expected --collection or --files, found both',
    );
  });

  it('says what is wrong with what it is to measure', async () => {
    const absent = await quiverError(1, 'plan', ...NEED, '--measured', '--collection', file('none'));
    assert.equal(absent.code, 'E_NOT_FOUND');
    mkdirSync(file('empty'));
    const empty = await quiverError(1, 'plan', ...NEED, '--measured', '--files', file('empty'));
    assert.deepEqual([empty.code, empty.expected, empty.actual], ['E_RANGE', 'at least 20 documents', '0']);
  });
});
