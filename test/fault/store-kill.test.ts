import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { inTurns } from './support/attempts.js';
import { childEnvironment, fixturePath, inFolder } from './support/child.js';
import { Random, seed, trials } from './support/random.js';
import { answers, assertSound, open, versionsOf } from './support/store.js';

interface Line {
  begin?: number[];
  done?: number[];
  /** 0: deleted. */
  version?: number;
  opened?: string;
}

/** Runs the writer until `afterMs` after it started, or after it has opened the store, and kills it. Returns what it said. */
async function killed(folder: string, start: number, from: number, afterMs: number, opened: boolean): Promise<Line[]> {
  const child = spawn(process.execPath, [fixturePath('store-writer'), folder, String(start), String(from)], {
    env: childEnvironment({ QUIVER_THREADS: '1' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes(opened ? '"opened"' : '"started"')) timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  const signal = await new Promise<string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (_, killer) => resolve(killer));
  });
  assert.equal(signal, 'SIGKILL', 'it lived until it was killed');
  // A line that is cut off was not said.
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** For each document what the store may hold: the last version acknowledged, or one that was begun after it. */
class Ledger {
  readonly #may = new Map<number, number[]>();

  take(lines: readonly Line[]): void {
    for (const { begin, done, version = 0 } of lines) {
      for (const one of begin ?? []) this.#may.set(one, [...(this.#may.get(one) ?? [0]), version]);
      for (const one of done ?? []) this.#may.set(one, [version]);
    }
  }

  /** Checks what was found, which from now on is what must be there. */
  check(found: ReadonlyMap<number, number>, when: string): void {
    for (const [document, version] of found)
      assert.ok(this.#may.has(document), `${when}: phantom d${String(document)} v${String(version)}`);
    for (const [document, may] of this.#may) {
      const version = found.get(document) ?? 0;
      assert.ok(
        may.includes(version),
        `${when}: d${String(document)} is v${String(version)}, not one of ${may.join(', ')}`,
      );
      this.#may.set(document, [version]);
    }
  }
}

// RELIABILITY 13, 30, B1: what was acknowledged is whole, what was not is there whole or not at all; also when the kill comes while
// the store recovers from the one before.
describe('B1: kill -9 of a process that writes to a store', function () {
  const kills = trials(50);
  this.timeout(20_000 * kills);

  it(`B1 after each of ${String(kills)} kills every acknowledged document is whole, and search equals a rebuild`, async () => {
    const random = new Random(seed);
    const sides = [0, 1];
    await inTurns(2, sides, (side) =>
      inFolder(async (folder) => {
        const ledger = new Ledger();
        let from = 1;
        let writes = 0;
        for (let i = side; i < kills; i += sides.length) {
          const opened = random.below(4) > 0;
          const afterMs = random.below(opened ? 300 : 600);
          const lines = await killed(folder, seed + i, from, afterMs, opened);
          ledger.take(lines);
          writes += lines.filter(({ done }) => done !== undefined).length;
          from = Math.max(from, ...lines.map(({ version = 0 }) => version + 1));
          const when = `kill ${String(i)} ${String(afterMs)} ms after it ${opened ? 'opened' : 'started'} (QUIVER_SEED=${String(seed)})`;
          const store = await open(folder);
          ledger.check(await versionsOf(store), when);
          await assertSound(store);
          const found = await answers(store, i);
          // Half of the time the index goes, half of the time the next child starts with what the kill left of it.
          await store.close();
          if (random.below(2) === 0) {
            for (const name of readdirSync(folder)) if (name.startsWith('index-')) rmSync(join(folder, name));
            const rebuilt = await open(folder);
            assert.ok(rebuilt.opened.how !== 'snapshot', when);
            assert.deepEqual(await answers(rebuilt, i), found, when);
            await rebuilt.close();
          }
        }
        assert.ok(writes > kills, `only ${String(writes)} writes were acknowledged`);
      }),
    );
  });
});
