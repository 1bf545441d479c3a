import { strict as assert } from 'node:assert';
import { cpu, parseCpu } from '../../lib/cpu.js';

const V2 = 'cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3';
const V3 = `${V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`;
const V4 = `${V3} avx512f avx512bw avx512cd avx512dq avx512vl`;

const info = (flags: string): string =>
  `processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: A CPU @ 2.0GHz\nflags\t\t: fpu ${flags} last\n\nprocessor\t: 1\n`;

describe('lib: cpu', () => {
  it('reads the level from the flags', () => {
    assert.equal(parseCpu(info('sse')).level, 'v1');
    assert.equal(parseCpu(info(V2)).level, 'v2');
    assert.equal(parseCpu(info(V3)).level, 'v3');
    assert.equal(parseCpu(info(V4)).level, 'v4');
  });

  it('needs every flag of a level and of those below it', () => {
    for (const flag of V2.split(' ')) assert.equal(parseCpu(info(V4.replace(flag, ''))).level, 'v1', flag);
    for (const flag of ['avx2', 'bmi2', 'movbe', 'fma']) {
      const without = V4.split(' ').filter((name) => name !== flag);
      assert.equal(parseCpu(info(without.join(' '))).level, 'v2', flag);
    }
    assert.equal(parseCpu(info(V4.replace('avx512vl', ''))).level, 'v3');
  });

  it('reads vendor and model, and takes an empty text', () => {
    assert.deepEqual(parseCpu(info(V2)), { level: 'v2', vendor: 'GenuineIntel', model: 'A CPU @ 2.0GHz' });
    assert.deepEqual(parseCpu(''), { level: 'v1', vendor: '', model: '' });
  });

  it('knows this machine, and asks it once', () => {
    assert.match(cpu().level, /^v[1234]$/);
    assert.equal(cpu(), cpu());
  });
});
