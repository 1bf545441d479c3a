import { strict as assert } from 'node:assert';
import { System } from '../../bench/graph/system.js';
import { LineServer } from '../support/line-server.js';

/** A library that answers, refuses, or dies. */
const PROGRAM = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    if (line.startsWith('build')) process.kill(process.pid, 'SIGSEGV');
    else console.log(line === 'about' ? 'ok made-up 1.0' : "error no such file: '/usr/lib/made-up/x.c:12:3'");
  });
`;

const start = () =>
  System.start({
    name: 'made-up',
    label: 'Made up',
    start: () => new LineServer('Made up', process.execPath, ['-e', PROGRAM]),
  });

describe('bench: a library in a process of its own', function () {
  this.timeout(30_000);

  it('is out once it has crashed, and the run goes on', async () => {
    const peer = await start();
    assert.equal(peer.about, 'made-up 1.0');
    assert.equal(await peer.try('build', () => peer.number('build', 32, 200, 1)), undefined);
    assert.match(peer.failure ?? '', /^build: .*SIGSEGV/);
    assert.equal(await peer.try('search', () => assert.fail('asked though it is gone')), undefined);
    assert.match(peer.failure ?? '', /^build: /);
    await peer.close();
  });

  it('says what it refused, without places of this machine', async () => {
    const peer = await start();
    await peer.try('open', () => peer.number('open', 'x'));
    assert.match(peer.failure ?? '', /^open: .*no such file/);
    assert.doesNotMatch(peer.failure ?? '', /usr|x\.c/);
    await peer.close();
  });
});
