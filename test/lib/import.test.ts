import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tryInChild, type Suspect } from '../../lib/import.js';
import { Index } from '../../lib/index.js';
import { FIELD, resealed, section } from './envelope.js';
import { filled } from './kinds.js';
import { fails, indexes, suiteFolder } from './support.js';

const CHILD = fileURLToPath(new URL('../../lib/import-child.js', import.meta.url));

/** What the kernel says of a process; empty when it is gone. */
function about(pid: number | string, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
}

/** The processes that try files for this one. */
function triers(): number[] {
  return readdirSync('/proc/self/task')
    .flatMap((thread) => about('self', `task/${thread}/children`).split(' '))
    .filter((pid) => pid !== '' && about(pid, 'cmdline').includes('import-child'))
    .map(Number);
}

async function until<T>(what: string, find: () => T | undefined): Promise<T> {
  for (let i = 0; i < 1000; i++) {
    const found = find();
    if (found !== undefined) return found;
    await pause(10);
  }
  assert.fail(`${what} did not come`);
}

/** Where a plain FAISS index has its first field of its own: after fourcc, d, ntotal, two dummies, is_trained, metric. */
const BODY = 37;

describe('lib: files from others, tried in a process that may die', () => {
  const { keep } = indexes();
  const file = suiteFolder();
  let sound: Buffer;
  let graph: Buffer;
  /** A product quantizer of 0 parts: FAISS divides by it. */
  let deadly: Buffer;

  before(async () => {
    const make = async (type: string): Promise<Buffer> => {
      const index = await filled({ name: type, options: { type } });
      const bytes = await index.exportFaiss();
      await index.close();
      return bytes;
    };
    [sound, graph, deadly] = [await make('flat'), await make('hnsw'), await make('PQ8x4')];
    deadly.writeBigUInt64LE(0n, BODY + 8);
    writeFileSync(file('sound'), sound);
  });
  afterEach(() => assert.deepEqual(triers(), [], 'no process is left'));

  const refused = (
    source: string | Uint8Array,
    how: string,
    run: () => Promise<unknown> = () => Index.importFaiss(source),
  ) =>
    fails(run, {
      code: 'E_CORRUPT',
      message: `${typeof source === 'string' ? source : 'The buffer'} is not safe to load: ${how}.`,
      expected: 'a sound index',
      actual: how,
    });

  it('says nothing about a sound file or buffer', async () => {
    await tryInChild('faiss', { path: file('sound') });
    await tryInChild('faiss', { bytes: sound });
  });

  it('a process that dies is E_CORRUPT, and this one lives', async () => {
    writeFileSync(file('deadly'), deadly);
    for (const source of [file('deadly'), deadly]) {
      await refused(source, 'the process that tried it was ended by SIGFPE');
    }
  });

  it('a hostile file of our own format, sealed again, is refused with untrusted', async () => {
    const index = keep(await filled({ name: '', options: { type: 'PQ8x4' } }));
    const bytes = resealed(await index.toBuffer(), (copy) => {
      copy.writeBigUInt64LE(0n, section(copy, FIELD.faiss).offset + BODY + 8);
    });
    writeFileSync(file('hostile'), bytes);
    await refused(file('hostile'), 'the process that tried it was ended by SIGFPE', () =>
      Index.open(file('hostile'), { untrusted: true }),
    );
    const flat = keep(await filled({ name: '', options: { type: 'flat' } }));
    const holed = resealed(await flat.toBuffer(), (copy) => {
      copy.writeFloatLE(NaN, section(copy, FIELD.vectors).offset + 400);
    });
    writeFileSync(file('holed'), holed);
    await fails(Index.open(file('holed'), { untrusted: true }), {
      code: 'E_NOT_FINITE',
      message:
        /holds vectors that cannot be searched: Vector \d+ holds nan at position \d+; every number must be finite\.$/,
      expected: 'finite numbers',
      actual: 'nan',
    });
    await flat.save(file('own'));
    assert.equal(keep(await Index.open(file('own'), { untrusted: true })).count, flat.count);
  });

  it('a file that asks for more memory than it explains is refused', async () => {
    const greedy = Buffer.from(graph);
    greedy.writeBigUInt64LE(2n ** 30n, BODY); // numbers of 8 bytes each
    await fails(Index.importFaiss(greedy), {
      code: 'E_CORRUPT',
      message: `The buffer asks for more memory than its ${greedy.length} bytes explain.`,
      expected: 'a sound index',
      actual: /not enough memory/,
    });
  });

  it('a process that hangs is ended', async () => {
    for (const source of [file('sound'), sound]) {
      const suspect = typeof source === 'string' ? { path: source } : { bytes: source };
      const trying = tryInChild('faiss', suspect, undefined, 400);
      trying.catch(() => undefined);
      process.kill(await until('the process', () => triers()[0]), 'SIGSTOP');
      await refused(source, 'reading it takes more than 1 s', () => trying);
    }
  });

  it('has a limit of CPU time too, and ends with the process that started it', async () => {
    // Its parent starts it on the pipe that this process holds open, and is killed.
    const parent = spawn(
      process.execPath,
      [
        '-e',
        `require('child_process').spawn(process.execPath, ['${CHILD}', 'faiss', '100', '77'], { stdio: [0, 2, 2, 2] })`,
      ],
      { stdio: ['pipe', 'ignore', 'ignore'] },
    );
    const pid = await until('the process', () => {
      const line = about(parent.pid!, `task/${parent.pid!}/children`).trim();
      return line !== '' && /Max cpu time +77 +82/.test(about(line, 'limits')) ? Number(line) : undefined;
    });
    assert.match(about(pid, 'limits'), /Max core file size +0 +0/);
    assert.doesNotMatch(about(pid, 'limits'), /Max address space +unlimited/);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await until('its end', () => (about(pid, 'cmdline') === '' ? true : undefined));
    parent.stdin.end();
  });

  it('an abort ends the process and rejects', async () => {
    for (const suspect of [{ path: file('sound') }, { bytes: sound }] satisfies Suspect[]) {
      const stop = new AbortController();
      const trying = tryInChild('faiss', suspect, stop.signal);
      trying.catch(() => undefined);
      await until('the process', () => triers()[0]);
      stop.abort('enough');
      const error = await fails(trying, {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.equal(error.cause, 'enough');
    }
  });

  it('an abort while the file is opened starts no process', async () => {
    const stop = new AbortController();
    const trying = Index.importFaiss(file('sound'), { signal: stop.signal });
    stop.abort();
    await fails(trying, {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
  });

  it('a missing file, a folder, a device', async () => {
    await fails(Index.importFaiss(file('absent')), {
      code: 'E_NOT_FOUND',
      message: `Cannot open ${file('absent')}: there is no such file.`,
      expected: 'a file',
      actual: 'none',
    });
    for (const [path, actual] of [
      [file(''), 'a folder'],
      ['/dev/null', 'a device or pipe'],
    ] as const) {
      await fails(Index.importFaiss(path), {
        code: 'E_IO',
        message: `Cannot read ${path}: it is not a regular file.`,
        expected: 'a file',
        actual,
      });
    }
  });

  it('an empty file', async () => {
    writeFileSync(file('empty'), '');
    await fails(Index.importFaiss(file('empty')), {
      code: 'E_CORRUPT',
      message: `${file('empty')} is empty.`,
      expected: 'a sound index',
      actual: '0 bytes',
    });
  });

  it('messages name the file, whatever its name', async () => {
    const name = file("a $& b $' <input>");
    writeFileSync(name, 'no index');
    const error = await fails(Index.importFaiss(name), {
      code: 'E_CORRUPT',
      message: /is not an index that FAISS reads: /,
      expected: 'a FAISS index',
      actual: 'other bytes',
    });
    assert.ok(error.message.startsWith(`${name} is not`), error.message);
  });

  describe('with another program in place of Node', () => {
    const node = process.execPath;
    afterEach(() => (process.execPath = node));
    const program = (script: string): void => {
      writeFileSync(file('program'), `#!/bin/sh\n${script}\n`);
      chmodSync(file('program'), 0o755);
      process.execPath = file('program');
    };

    it('one that cannot be started is E_IO', async () => {
      process.execPath = file('no-node');
      for (const source of [sound, file('sound')]) {
        await fails(Index.importFaiss(source), {
          code: 'E_IO',
          message: /^Cannot start the process that tries .*: spawn .*no-node ENOENT\.$/,
          expected: 'a process',
          actual: 'ENOENT',
        });
      }
    });

    it('one that says nothing, or nothing that can be understood, is E_CORRUPT', async () => {
      for (const script of ['exit 3', 'echo null >&3; exit 3', 'echo "{" >&3; exit 3']) {
        program(script);
        await refused(sound, 'the process that tried it ended with code 3');
      }
    });

    it('what is printed elsewhere does not matter, and too much of it is not kept', async () => {
      program(`echo noise; echo noise >&2; exec ${node} "$@"`);
      await tryInChild('faiss', { bytes: sound });
      program('kill -XCPU $$');
      await refused(sound, 'reading it takes more than 6 s');
      program('yes | head -c 10000000 >&3; exit 3');
      await refused(sound, 'the process that tried it ended with code 3');
    });
  });
});
