/** The cache in processes of their own: several at once, one that is killed, one whose disk is full or may not be written. */
import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { suiteFolder } from '../../lib/support.js';
import { opener, rowsOf } from './support.js';
import { texts } from './texts.js';

/**
 * Embeds parts of 100 texts from `from` to `to`, and compares them to the inner embedder's; prints `part` after each and JSON at the end.
 */
const PROGRAM = `
  import { cachedEmbedder } from ${JSON.stringify(new URL('../../../src/embed/cache/cached-embedder.js', import.meta.url).href)};
  import { openStaticEmbedder, defaultModelFolder } from ${JSON.stringify(new URL('../../../src/embed/static/embedder.js', import.meta.url).href)};
  import { texts } from ${JSON.stringify(new URL('./texts.js', import.meta.url).href)};
  const [path, from, to, user] = process.argv.slice(2);
  if (user !== undefined && process.getuid() === 0) process.setuid(Number(user));
  const inner = await openStaticEmbedder(defaultModelFolder());
  const warnings = [];
  const embedder = cachedEmbedder(inner, { path, onWarning: (message) => warnings.push(message) });
  let wrong = 0;
  for (let part = Number(from); part < Number(to); part++) {
    const some = texts(100, 'part ' + part);
    const [found, wanted] = [await embedder.embed(some), await inner.embed(some)];
    if (!Buffer.from(found.buffer).equals(Buffer.from(wanted.buffer))) wrong++;
    console.log('part');
  }
  const { stats } = embedder;
  await embedder.close();
  console.log(JSON.stringify({ wrong, warnings, ...stats }));`;

interface Report {
  wrong: number;
  warnings: string[];
  hits: number;
  misses: number;
}

function start(program: string, args: (string | number)[], prefix: readonly string[] = []): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '' };
  delete env.NODE_V8_COVERAGE;
  const command = [...prefix, process.execPath, program, ...args.map(String)];
  return spawn(command[0], command.slice(1), { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function report(child: ChildProcess): Promise<Report> {
  let out = '';
  child.stdout?.on('data', (part: Buffer) => (out += part.toString()));
  await once(child, 'close');
  return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Report;
}

describe('embed: cache across processes', function () {
  this.timeout(120_000);
  const folder = suiteFolder();
  const open = opener();
  before(() => writeFileSync(folder('program.mjs'), PROGRAM));
  const run = (args: (string | number)[], prefix?: string[]): ChildProcess =>
    start(folder('program.mjs'), args, prefix);

  it('serves several at once, from the first moment on', async () => {
    const file = folder('many/embeddings.db');
    const children = [run([file, 0, 20]), run([file, 10, 30]), run([file, 0, 30])];
    const reports = await Promise.all(children.map(report));
    for (const { wrong, warnings } of reports) assert.deepEqual({ wrong, warnings }, { wrong: 0, warnings: [] });
    assert.equal(rowsOf(file), 3000);
    const { hits, misses } = await report(run([file, 0, 30]));
    assert.deepEqual({ hits, misses }, { hits: 3000, misses: 0 });
  });

  it('serves several embedders of one process', async () => {
    const file = folder('threads.db');
    const both = await Promise.all([open(file), open(file), open(file)]);
    await Promise.all(both.map(({ embedder }) => embedder.embed(texts(1000))));
    await Promise.all(both.map(({ embedder }) => embedder.close()));
    assert.deepEqual(
      both.flatMap(({ warnings }) => warnings),
      [],
    );
    assert.equal(rowsOf(file), 1000);
  });

  it('lasts when its process is killed', async () => {
    const file = folder('killed.db');
    for (const parts of [1, 5, 9]) {
      const child = run([file, 0, 100_000]);
      let seen = 0;
      for await (const chunk of child.stdout ?? []) {
        seen += String(chunk).split('part').length - 1;
        if (seen >= parts) break;
      }
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    const { wrong, warnings, hits } = await report(run([file, 0, 20]));
    assert.deepEqual({ wrong, warnings }, { wrong: 0, warnings: [] });
    // All but the parts that were on their way.
    assert.ok(hits >= 700, String(hits));
    assert.equal(rowsOf(file) % 100, 0);
  });

  it('goes on when the disk takes no more', async () => {
    const file = folder('full.db');
    // A limit on the size of a file fails a write as a full disk does; Node ignores the signal that comes with it.
    const { wrong, warnings, hits, misses } = await report(
      run([file, 0, 30], ['prlimit', `--fsize=${String(1 << 20)}`]),
    );
    assert.deepEqual({ wrong, hits, misses }, { wrong: 0, hits: 0, misses: 3000 });
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0], /full\.db: .+\. Check the disk's room/);
    assert.ok(statSync(file).size <= 1 << 20);
    // With room again, it works again.
    const later = await report(run([file, 0, 30]));
    assert.deepEqual([later.wrong, later.warnings, later.hits + later.misses], [0, [], 3000]);
    assert.equal(rowsOf(file), 3000);
  });

  it('goes on where it may not write', async () => {
    const file = folder('locked/embeddings.db');
    mkdirSync(folder('locked'));
    await report(run([file, 0, 2]));
    chmodSync(folder('.'), 0o755);
    for (const mode of [0o444, 0o000]) {
      chmodSync(file, mode);
      chmodSync(folder('locked'), 0o555);
      const { wrong, warnings, misses } = await report(run([file, 0, 3, 65_534]));
      assert.deepEqual({ wrong, misses }, { wrong: 0, misses: 300 });
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.match(warnings[0], /the rights of the folder\. Embedding goes on without a cache\.$/);
    }
    chmodSync(folder('locked'), 0o755);
    assert.equal(rowsOf(file), 200);
  });
});
