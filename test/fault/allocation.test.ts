import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Index } from '../../lib/index.js';
import { repositoryRoot } from '../support/run.js';
import { skip } from '../support/skip.js';
import type { Try } from './fixtures/allocation.js';
import { inFolder, run, type Ended } from './support/child.js';
import { Random, seed, trials } from './support/random.js';

interface Line {
  i: number;
  trying?: Try;
  code?: string;
  seen?: number;
  harm?: string;
  done?: true;
}

/** What one try came to: a code, or how the process ended. */
interface Result {
  what: Try;
  code?: string;
  harm?: string;
  ended?: string;
}

const SOURCE = join(repositoryRoot, 'test/fault/support/failing-malloc.c');
function linesOf({ stdout }: Ended): Line[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

/** The first allocations of each call, and some of the later ones; once each, and to the end. */
function plan(counts: Map<string, number>, random: Random): Try[] {
  const tries: Try[] = [];
  for (const [call, count] of counts) {
    const first = Math.min(count, trials(8));
    const some = Array.from({ length: Math.min(count, trials(4)) }, () => 1 + random.below(count));
    for (let n = 1; n <= first; n++) tries.push({ call, mode: 'AT', n });
    for (const n of some) tries.push({ call, mode: 'AT', n }, { call, mode: 'FROM', n });
  }
  // OpenBLAS, left alone, asks for its first buffers for ever (native/core/blas_memory.cc).
  for (let n = 9; n <= 16; n++) tries.push({ call: 'search', mode: 'FROM', n });
  return tries;
}

/** Makes all tries, in a new process after each that ended one. */
async function results(kind: string, folder: string, library: string, tries: Try[]): Promise<Result[]> {
  const path = join(folder, 'saved');
  const list = join(folder, 'plan.json');
  writeFileSync(list, JSON.stringify(tries));
  const found: Result[] = [];
  while (found.length < tries.length) {
    const ended = await run('allocation', [kind, path, list, String(found.length)], { env: { LD_PRELOAD: library } });
    const lines = linesOf(ended);
    for (const { i, code, harm } of lines) if (code !== undefined) found[i] = { what: tries[i], code, harm };
    if (lines.at(-1)?.done === true) break;
    const last = lines.at(-1);
    assert.ok(last?.trying !== undefined, `the process ended between tries:\n${ended.stderr.slice(-2_000)}`);
    const how = `${ended.signal ?? `code ${String(ended.code)}`}: ${ended.stderr.trim().slice(-600)}`;
    const index = await Index.open(path, { verify: true }); // whatever it was doing, the file is whole
    await index.close();
    found[last.i] = { what: last.trying, ended: how };
  }
  return found;
}

// RELIABILITY's row 6: memory runs out at the n-th allocation of a call.
describe('A2: memory that runs out in the middle of a call', function () {
  this.timeout(240_000);
  let folder: string;
  let library: string;

  before(function () {
    library = join(repositoryRoot, 'dist', `failing-malloc-${String(process.pid)}.so`);
    const flags = ['-O1', '-fPIC', '-shared', '-Wall', '-Wextra', '-Werror'];
    const { error, status, stderr } = spawnSync('cc', [...flags, '-o', library, SOURCE], { encoding: 'utf8' });
    if (error !== undefined) skip(this, 'no C compiler (cc) to build the library that lets allocations fail');
    assert.equal(status, 0, stderr);
  });
  after(() => rmSync(library, { force: true }));

  for (const kind of ['Flat', 'HNSW16', 'IVF16,Flat', 'IVF16,PQ8x4']) {
    it(`A2 ${kind}: each call says so or at worst the process ends; no index and no file is harmed`, async () => {
      await inFolder(async (made) => {
        folder = made;
        const path = join(folder, 'saved');
        const counted = await run('allocation', [kind, path, 'count'], { env: { LD_PRELOAD: library } });
        assert.equal(counted.code, 0, counted.stderr);
        const counts = new Map<string, number>();
        let call = '';
        for (const { trying, code, seen } of linesOf(counted)) {
          if (trying !== undefined) call = trying.call;
          else if (code !== undefined) counts.set(call, seen ?? 0);
        }
        assert.ok(
          [...counts.values()].every((count) => count > 0),
          'the library counts',
        );
        const tries = plan(counts, new Random(seed));
        const all = await results(kind, folder, library, tries);
        assert.equal(all.length, tries.length);
        const shown = (bad: Result[]): string[] => bad.slice(0, 20).map((one) => JSON.stringify(one));
        const replay = `QUIVER_SEED=${String(seed)}`;
        const odd = all.filter(({ code, harm, ended }) =>
          ended === undefined ? harm !== '' || !/^(none|E_OUT_OF_MEMORY)$/.test(code ?? '') : false,
        );
        assert.deepEqual(shown(odd), [], replay);
        const said = all.filter(({ code }) => code === 'E_OUT_OF_MEMORY');
        assert.ok(
          said.length > all.length / 3,
          `only ${String(said.length)} of ${String(all.length)} failed as they should`,
        );
        // What throws inside an OpenMP region ends the process, and where no allocation works any more, libraries below
        // us give up as well. It must be for want of memory, and for nothing else.
        const deaths = all.filter(({ ended }) => ended !== undefined);
        const unexpected = deaths.filter(
          ({ ended }) =>
            !/bad_alloc|[Oo]ut of memory|cannot allocate memory|Thread creation failed|terminate called/.test(
              ended ?? '',
            ),
        );
        assert.deepEqual(shown(unexpected), [], replay);
      });
    });
  }
});
