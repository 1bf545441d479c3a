import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { Index } from '../../lib/index.js';
import { inFolder, run } from './support/child.js';
import { Random, seed, trials } from './support/random.js';
import { SNAPSHOT_ROWS, STAGES, WAYS } from './support/stages.js';

const LONGEST_MS = 100;

/** What is wrong with the snapshot that a process was overwriting when it ended. */
async function torn(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    const index = await Index.open(path, { verify: true });
    const { count } = index;
    const found = await index.search(new Float32Array(index.dim), 5);
    await index.close();
    return count >= SNAPSHOT_ROWS && found.ids.every((id) => id >= 0) ? undefined : `it holds ${String(count)} vectors`;
  } catch (error) {
    return String(error);
  }
}

// exit() runs the destructors of OpenBLAS while threads of the addon may be inside it: before the addon stopped them
// first, one process in twenty that trained or searched a flat index ended with SIGSEGV.
describe('A5: the process ends, whatever its indexes are doing', function () {
  this.timeout(180_000);
  const random = new Random(seed);

  for (const [way, expected] of Object.entries(WAYS)) {
    it(`A5 ${way}: ${expected} at every stage, and no torn snapshot`, async () => {
      const wrong: string[] = [];
      const stages = Array.from({ length: trials(1) }, () => STAGES).flat();
      const next = async (): Promise<void> => {
        for (let stage = stages.pop(); stage !== undefined; stage = stages.pop()) {
          const where = stage;
          const delay = String(random.below(LONGEST_MS + 1));
          const start = String(random.below(2 ** 30));
          await inFolder(async (folder) => {
            const { code, signal, stderr } = await run('exit', [where, way, folder, start, delay]);
            const how = signal === null ? `code ${String(code)}` : `signal ${signal}`;
            if (how !== expected) wrong.push(`${where} after ${delay} ms: ${how}\n${stderr.slice(-1_000)}`);
            const damage = await torn(join(folder, 'snapshot'));
            if (damage !== undefined) wrong.push(`${where} after ${delay} ms: the snapshot: ${damage}`);
          });
        }
      };
      await Promise.all([next(), next()]);
      assert.deepEqual({ seed, wrong }, { seed, wrong: [] });
    });
  }
});
