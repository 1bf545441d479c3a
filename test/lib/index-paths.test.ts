import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { Index } from '../../lib/index.js';
import { answers, COUNT, DIM, filled, KINDS, QUERIES, WAYS } from './kinds.js';
import { fails, indexes, suiteFolder } from './support.js';

describe('lib: what can go wrong between an index and a file', () => {
  const { keep } = indexes();
  const file = suiteFolder();

  describe('paths', () => {
    it('an absent file', async () => {
      for (const options of [...WAYS, { untrusted: true }]) {
        await fails(Index.open(file('absent'), options), {
          code: 'E_NOT_FOUND',
          message: `Cannot open ${file('absent')}: there is no such file.`,
          expected: 'a file',
          actual: 'none',
        });
      }
    });

    it('a folder, a device or a pipe to read, which must not wait for a writer', async () => {
      const pipe = file('pipe');
      assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
      for (const [path, actual] of [
        [file(''), 'a folder'],
        ['/dev/zero', 'a device or pipe'],
        [pipe, 'a device or pipe'],
      ] as const) {
        for (const options of [...WAYS, { untrusted: true }]) {
          await fails(Index.open(path, options), {
            code: 'E_IO',
            message: `Cannot read ${path}: it is not a regular file.`,
            expected: 'a file',
            actual,
          });
        }
      }
    });

    it('a path below a file', async () => {
      writeFileSync(file('plain'), '');
      await fails(Index.open(file('plain/below')), {
        code: 'E_IO',
        message: `Cannot open ${file('plain/below')}: Not a directory.`,
        expected: 'success',
        actual: 'Not a directory',
      });
      await fails(Index.open(file('plain/below'), { untrusted: true }), {
        code: 'E_IO',
        message: new RegExp(`^Cannot open ${file('plain/below')}: ENOTDIR`),
        expected: 'a readable file',
        actual: 'ENOTDIR',
      });
    });

    it('a folder that is missing, or in the way of a save', async () => {
      const index = keep(await filled(KINDS[0]));
      for (const write of [(path: string) => index.save(path), (path: string) => index.exportFaiss(path)]) {
        await fails(write(file('no/such')), {
          code: 'E_IO',
          message: `Cannot create a file in ${file('no')}: No such file or directory. Make the folder first.`,
          expected: 'success',
          actual: 'No such file or directory',
        });
        mkdirSync(file('folder'), { recursive: true });
        await fails(write(file('folder')), {
          code: 'E_IO',
          message: `Cannot write ${file('folder')}: it is not a regular file.`,
          expected: 'a file path',
          actual: 'a folder',
        });
        await fails(write('/dev/null'), {
          code: 'E_IO',
          message: 'Cannot write /dev/null: it is not a regular file.',
          expected: 'a file path',
          actual: 'a device or pipe',
        });
      }
      assert.deepEqual(readdirSync(file('folder')), []);
    });

    it('what is no path, no bytes, no option', async () => {
      const index = keep(await filled(KINDS[0]));
      for (const path of [undefined, null, 5, '', Buffer.from('a')]) {
        for (const run of [() => Index.open(path as never), () => index.save(path as never)]) {
          await fails(run, {
            code: 'E_ARGUMENT',
            message: /^path must be a file path, but is /,
            expected: 'a file path',
            actual: /./,
          });
        }
      }
      await fails(Index.open('a\0b'), {
        code: 'E_ARGUMENT',
        message: 'path holds a NUL character.',
        expected: 'a file path',
        actual: undefined,
      });
      for (const name of ['mmap', 'verify', 'untrusted'] as const) {
        const expected = name === 'mmap' ? "true, false or 'vectors'" : 'true or false';
        await fails(Index.open(file('a'), { [name]: 'yes' }), {
          code: 'E_ARGUMENT',
          message: `${name} must be ${expected}, but is "yes".`,
          expected,
          actual: '"yes"',
        });
      }
      for (const bytes of [undefined, null, 'text', [1, 2], new ArrayBuffer(8), new Float32Array(2)]) {
        await fails(Index.fromBuffer(bytes as never), {
          code: 'E_ARGUMENT',
          message: /^bytes must be a Buffer or Uint8Array, but is /,
          expected: 'a Buffer or Uint8Array',
          actual: /./,
        });
      }
      await fails(Index.fromBuffer(new Uint8Array(new SharedArrayBuffer(8))), {
        code: 'E_ARGUMENT',
        message: /^bytes lies in a SharedArrayBuffer/,
        expected: 'memory of its own',
        actual: 'a SharedArrayBuffer',
      });
    });

    it('takes a view into a larger buffer', async () => {
      const index = keep(await filled(KINDS[0]));
      const bytes = await index.toBuffer();
      const larger = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(5)]);
      const again = keep(await Index.fromBuffer(larger.subarray(3, 3 + bytes.length)));
      larger.fill(0);
      assert.deepEqual(answers(again), answers(index));
    });
  });

  describe('a save that fails', () => {
    // A program of its own, which gives up being root: root may write anywhere.
    const program = (body: string): string => `
      import { Index } from ${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)};
      const index = await Index.create({ dim: 64, type: 'flat' });
      await index.add(new Float32Array(64 * 20_000).fill(0.5));
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      try {
        ${body}
        console.log('no error');
      } catch ({ code, message, actual }) {
        console.log(JSON.stringify({ code, message, actual }));
      }`;
    const run = (body: string, prefix: readonly string[] = []): { code: string; message: string; actual: string } => {
      const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '' };
      delete env.NODE_V8_COVERAGE;
      const command = [...prefix, process.execPath, '--input-type=module', '-e', program(body)];
      const { stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8', env });
      assert.match(stdout, /^\{/, stderr);
      return JSON.parse(stdout) as ReturnType<typeof run>;
    };
    const oldFile = async (name: string): Promise<string> => {
      const folder = file(name);
      mkdirSync(folder);
      await keep(await filled(KINDS[0])).save(`${folder}/a`);
      return folder;
    };

    it('in a folder that is read-only', async () => {
      const folder = await oldFile('read-only');
      chmodSync(file(''), 0o755);
      chmodSync(folder, 0o555);
      for (const call of ['save', 'exportFaiss']) {
        assert.deepEqual(run(`await index.${call}(${JSON.stringify(`${folder}/a`)});`), {
          code: 'E_IO',
          message: `Cannot create a file in ${folder}: Permission denied. Check who may write there.`,
          actual: 'Permission denied',
        });
      }
      assert.equal(keep(await Index.open(`${folder}/a`)).count, COUNT);
      assert.deepEqual(readdirSync(folder), ['a']);
    });

    it('a file that may not be read', async () => {
      const folder = await oldFile('secret');
      chmodSync(`${folder}/a`, 0o200);
      const path = JSON.stringify(`${folder}/a`);
      assert.deepEqual(run(`await Index.open(${path});`), {
        code: 'E_IO',
        message: `Cannot open ${folder}/a: Permission denied. Check who may read it.`,
        actual: 'Permission denied',
      });
      const { code, message } = run(`await Index.importFaiss(${path});`);
      assert.equal(code, 'E_IO');
      assert.match(message, /^Cannot open .*\/a: EACCES/);
    });

    it('when the disk takes no more', async () => {
      const folder = await oldFile('full');
      chmodSync(folder, 0o777);
      // A limit on the size of a file fails a write as a full disk does; Node ignores the signal that comes with it.
      const prefix = ['prlimit', `--fsize=${String(3 << 20)}`];
      for (const call of ['save', 'exportFaiss']) {
        const { code, message } = run(`await index.${call}(${JSON.stringify(`${folder}/a`)});`, prefix);
        assert.equal(code, 'E_IO', message);
        const advice = 'Raise the limit on the size of files (ulimit -f); what was at the path is untouched.';
        assert.equal(message, `Cannot write ${folder}/a: File too large. ${advice}`);
      }
      assert.deepEqual(answers(keep(await Index.open(`${folder}/a`))).length, QUERIES.length / DIM);
      assert.deepEqual(readdirSync(folder), ['a']);
    });
  });
});
