import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Index } from '../../lib/index.js';
import { inTurns } from './support/attempts.js';
import { childEnvironment, fixturePath, inFolder } from './support/child.js';
import { generationOf } from './support/generations.js';
import { Random, seed, trials } from './support/random.js';

/** Starts a child that saves over and over and kills it some time after its first save. Returns the last it reported. */
async function killedWhileSaving(path: string, kind: string, exporting: boolean, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [fixturePath('saver'), path, kind, exporting ? 'export' : ''], {
    env: childEnvironment({ QUIVER_THREADS: '1' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  const signal = await new Promise<string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (_, killer) => resolve(killer));
  });
  clearTimeout(timer);
  assert.equal(signal, 'SIGKILL', 'it lived until it was killed');
  return Number(/saved (\d+)\n[^\n]*$/.exec(output)?.[1]);
}

// A save that was acknowledged is there; one that was not is there whole or not at all.
describe('A13: kill -9 of a process that saves', function () {
  this.timeout(180_000);

  for (const [kind, way] of [
    ['Flat', 'save'],
    ['HNSW16', 'save'],
    ['IVF16,Flat', 'export'],
  ] as const) {
    const kills = trials(12);
    it(`A13 ${kind}, ${way}: after each of ${String(kills)} kills the file holds one whole generation`, async () => {
      const random = new Random(seed + kind.length);
      const exporting = way === 'export';
      const folders = Array.from({ length: 2 }, (_, i) => i);
      await inTurns(2, folders, (half) =>
        inFolder(async (folder) => {
          const path = join(folder, 'saved');
          let least = 0;
          for (let i = half; i < kills; i += 2) {
            const afterMs = random.below(60);
            const acknowledged = await killedWhileSaving(path, kind, exporting, afterMs);
            const index = exporting
              ? await Index.importFaiss(path, { trusted: true })
              : await Index.open(path, { verify: true });
            const found = await generationOf(index);
            await index.close();
            const when = `kill ${String(i)} after ${String(afterMs)} ms (QUIVER_SEED=${String(seed)})`;
            assert.ok(found >= acknowledged, `${when}: ${String(acknowledged)} was acknowledged, not ${String(found)}`);
            assert.ok(found > least, `${when}: generation ${String(found)} after ${String(least)}`);
            least = found;
            const left = readdirSync(folder).filter((name) => name !== 'saved');
            assert.ok(left.length <= 1, `${when}: ${left.join(', ')} are left`);
          }
        }),
      );
    });
  }

  it('A13 what killed writers left is gone after the next save, and files of others are not', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'saved');
      const others = ['.saved.note', '.other.1-1.tmp', 'saved.1-1.tmp'];
      for (const name of others) writeFileSync(join(folder, name), 'x');
      for (const name of ['.saved.1-1.tmp', '.saved.4194303-77.tmp']) writeFileSync(join(folder, name), 'half a file');
      const index = await Index.create({ dim: 4, type: 'flat' });
      await index.add([1, 2, 3, 4]);
      await index.save(path);
      assert.deepEqual(readdirSync(folder).sort(), [...others, 'saved'].sort());
      writeFileSync(join(folder, '.saved.1-1.tmp'), 'half a file');
      await index.exportFaiss(path);
      assert.deepEqual(readdirSync(folder).sort(), [...others, 'saved'].sort());
      await index.close();
    });
  });
});
