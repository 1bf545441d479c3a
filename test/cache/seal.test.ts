import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { seal, unseal } from '../../src/cache/seal.js';
import { answerFor } from './support.js';

const SECRET = 'a secret of sixteen';
const KEY = 'quiver:answer:abc';

describe('the seal of an answer in Redis', () => {
  const expires = 1_700_000_000_000;
  const json = JSON.stringify(answerFor('a'));
  const sealed = seal(SECRET, KEY, { json, negative: false, expires });

  it('gives back what was sealed', () => {
    assert.deepEqual(unseal(SECRET, KEY, sealed), { json, negative: false, expires });
    const negative = seal(SECRET, KEY, { json: 'null', negative: true, expires: 5.7 });
    assert.deepEqual(unseal(SECRET, KEY, negative), { json: 'null', negative: true, expires: 5 });
  });

  it('refuses another key and another secret', () => {
    assert.equal(unseal(SECRET, 'quiver:answer:abd', sealed), undefined);
    assert.equal(unseal('another secret here', KEY, sealed), undefined);
  });

  it('refuses each change of one bit', () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] ^= 1 << (bit & 7);
      assert.equal(unseal(SECRET, KEY, changed), undefined, `bit ${bit}`);
    }
  });

  it('refuses what is cut, longer, mixed or noise', () => {
    const other = seal(SECRET, KEY, { json: '{"text":"other","sources":[]}', negative: false, expires });
    const header = sealed.indexOf('\n') + 1;
    assert.equal(unseal(SECRET, KEY, Buffer.concat([sealed.subarray(0, header), other.subarray(header)])), undefined);
    assert.equal(unseal(SECRET, KEY, Buffer.concat([sealed, Buffer.from(' ')])), undefined);
    for (let end = 0; end < sealed.length; end++) assert.equal(unseal(SECRET, KEY, sealed.subarray(0, end)), undefined);
    for (let run = 0; run < 1_000; run++) {
      const noise = Buffer.from(Array.from({ length: randomInt(300) }, () => randomInt(256)));
      assert.equal(unseal(SECRET, KEY, noise), undefined);
    }
  });
});
