import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { quiver, quiverError } from './support.js';

const COMMANDS = [
  ['doctor'],
  ['index'],
  ['index', 'build'],
  ['index', 'search'],
  ['index', 'info'],
  ['index', 'import'],
  ['index', 'export'],
  ['bench'],
  ...['add', 'ask', 'search', 'list', 'info', 'remove', 'export', 'models'].map((name) => [name]),
  ...['list', 'pull', 'add', 'check', 'bench', 'use', 'fit'].map((name) => ['models', name]),
];

describe('quiver: usage', () => {
  it('prints its help and its version', async () => {
    const help = await quiver('--help');
    assert.equal(help.code, 0);
    for (const word of ['doctor', 'index', 'bench', 'Examples:']) assert.ok(help.stdout.includes(word), word);
    const version = await quiver('--version');
    const file = new URL('../../../package.json', import.meta.url);
    assert.equal(version.stdout.trim(), (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version);
  });

  for (const command of COMMANDS) {
    it(`explains ${command.join(' ')}`, async () => {
      const { code, stdout, stderr } = await quiver(...command, '--help');
      assert.deepEqual([code, stderr], [0, '']);
      assert.ok(stdout.startsWith(`Usage: quiver ${command.join(' ')}`), stdout);
      assert.ok(stdout.includes('--json'), stdout);
    });
  }

  it('prints the help when a command is missing, as a usage error', async () => {
    for (const args of [[], ['index']]) {
      const { code, stdout, stderr } = await quiver(...args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.ok(stderr.startsWith('Usage: quiver'), stderr);
      assert.match((await quiverError(2, ...args)).message, /expected a command/);
    }
  });

  const WRONG: [args: string[], message: RegExp][] = [
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['index', 'biuld'], /unknown command 'biuld'/],
    [['doctor', '--what'], /unknown option '--what'/],
    [['index', 'build', '-o', 'x'], /missing required argument 'input'/],
    [['index', 'build', 'a.npy'], /required option '-o, --output <file>'/],
    [['index', 'build', 'a.npy', '-o', 'x', '--type', 'factory'], /--type factory: give the factory string itself/],
    [['index', 'search', 'x'], /required option '-q, --queries <file>'/],
    [['index', 'info', 'a', 'b'], /too many arguments/],
    [['bench', '--types', 'flat,,hnsw'], /--types: expected different kinds/],
    [['bench', '--types', 'flat,flat'], /--types: expected different kinds/],
  ];
  for (const [args, message] of WRONG) {
    it(`refuses: quiver ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await quiver(...args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
      assert.match(stderr, /^quiver: .*\n[^]*--help/);
      const error = await quiverError(2, ...args);
      assert.equal(error.code, 'E_ARGUMENT');
      assert.match(error.message, message);
    });
  }

  const VALUES: [option: string, value: string, expected: string][] = [
    ['-k', '0', 'a whole number from 1 to 1048576'],
    ['-k', '1048577', 'a whole number from 1 to 1048576'],
    ['-k', '2.5', 'a whole number from 1 to 1048576'],
    ['-k', 'ten', 'a whole number from 1 to 1048576'],
    ['--ef-search', '-1', 'a whole number from 1 to 2147483647'],
    ['--nprobe', '1e3', 'a whole number from 1 to 2147483647'],
    ['--limit', '', 'a whole number from 1 to 2147483647'],
    ['--threads', '2000', 'a whole number from 1 to 1024'],
  ];
  for (const [option, value, expected] of VALUES) {
    it(`refuses: ${option} ${JSON.stringify(value)}`, async () => {
      const error = await quiverError(2, 'index', 'search', 'x', '-q', 'y', option, value);
      assert.deepEqual([error.code, error.expected, error.actual], ['E_ARGUMENT', expected, value]);
      assert.ok(error.message.startsWith(`${option}: expected ${expected}`), error.message);
    });
  }

  it('refuses metrics and id types that there are not', async () => {
    const build = ['index', 'build', 'a.npy', '-o', 'x'];
    const metric = await quiverError(2, ...build, '--metric', 'toString');
    assert.match(metric.message, /--metric: expected one of l2, ip, cosine, .* found "toString"/);
    assert.equal((await quiverError(2, ...build, '--id-type', 'uuid')).expected, 'number or bigint');
  });

  it('takes --json anywhere on the line, but not behind --', async () => {
    const before = await quiver('--json', 'index', 'info', '/no/such.quiver');
    assert.deepEqual([before.code, before.stderr], [1, '']);
    assert.equal((JSON.parse(before.stdout) as { error: { code: string } }).error.code, 'E_NOT_FOUND');
    const behind = await quiver('index', 'info', '--', '--json');
    assert.deepEqual([behind.code, behind.stdout], [1, '']);
    assert.match(behind.stderr, /--json.*no such file/);
  });
});
