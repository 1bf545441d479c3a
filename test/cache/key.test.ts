import assert from 'node:assert/strict';
import fc from 'fast-check';
import { canonicalJson, nameOf } from '../../src/cache/key.js';
import type { CacheKey } from '../../src/cache/types.js';
import type { JsonObject, JsonValue } from '../../src/document/types.js';

const word = fc.string({ unit: 'binary', maxLength: 6 });
const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
const fields = fc.dictionary(word, json, { minKeys: 1, maxKeys: 5 }) as fc.Arbitrary<JsonObject>;
const keys: fc.Arbitrary<CacheKey> = fc.record({
  tenant: word,
  collection: word,
  generation: fc.nat(),
  model: word,
  request: fields,
});

/** What JSON says of it; -0 and 0 are one. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function isSame(left: unknown, right: unknown): boolean {
  try {
    assert.deepStrictEqual(plain(left), plain(right));
    return true;
  } catch {
    return false;
  }
}

function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, reversed(item)] as const);
  return Object.fromEntries(entries.reverse());
}

describe('the key of an answer', () => {
  it('is the same for the same request, whatever the order of its keys', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const turned = { ...key, request: reversed(key.request) };
        assert.equal(nameOf(turned), nameOf(key));
        assert.match(nameOf(key), /^[0-9a-f]{64}$/);
      }),
    );
  });

  for (const part of ['tenant', 'collection', 'model', 'generation'] as const) {
    it(`separates by ${part}`, () => {
      fc.assert(
        fc.property(keys, keys, (key, other) => {
          fc.pre(key[part] !== other[part]);
          assert.notEqual(nameOf({ ...key, [part]: other[part] }), nameOf(key));
        }),
      );
    });
  }

  it('separates by each field of the request', () => {
    fc.assert(
      fc.property(keys, fc.nat(), json, (key, at, value) => {
        const request = key.request as JsonObject;
        const names = Object.keys(request);
        const name = names[at % names.length];
        const changed = Object.fromEntries(Object.entries(request).map(([k, v]) => [k, k === name ? value : v]));
        if (!isSame(changed, request)) assert.notEqual(nameOf({ ...key, request: changed }), nameOf(key));
        const without = Object.fromEntries(Object.entries(request).filter(([k]) => k !== name));
        assert.notEqual(nameOf({ ...key, request: without }), nameOf(key));
      }),
    );
  });

  it('separates any two keys that differ', () => {
    fc.assert(
      fc.property(keys, keys, (one, two) => {
        assert.equal(nameOf(one) === nameOf(two), isSame(one, two));
      }),
      { numRuns: 500 },
    );
  });

  it('does not run parts into one another', () => {
    const base: CacheKey = { tenant: 'a', collection: 'bc', generation: 1, model: 'm', request: {} };
    assert.notEqual(nameOf(base), nameOf({ ...base, tenant: 'ab', collection: 'c' }));
    assert.notEqual(nameOf(base), nameOf({ ...base, tenant: 'a","bc', collection: '' }));
    assert.notEqual(nameOf({ ...base, request: ['a', 'b'] }), nameOf({ ...base, request: ['b', 'a'] }));
    assert.notEqual(nameOf({ ...base, request: { k: 1 } }), nameOf({ ...base, request: { k: '1' } }));
    assert.notEqual(nameOf({ ...base, request: { a: null } }), nameOf({ ...base, request: {} }));
    assert.notEqual(
      nameOf({ ...base, request: JSON.parse('{"__proto__":1}') as JsonValue }),
      nameOf({ ...base, request: {} }),
    );
  });

  it('takes an undefined field for an absent one', () => {
    assert.equal(canonicalJson({ b: undefined, a: 1 }), '{"a":1}');
  });

  it('refuses what JSON would write as something else', () => {
    const hostile: unknown[] = [NaN, Infinity, new Date(0), new Float32Array(2), new Map(), 1n, () => 1, [undefined]];
    for (const value of hostile) {
      assert.throws(() => canonicalJson({ value }), { name: 'QuiverError', code: 'E_ARGUMENT' });
    }
    let deep: JsonValue = 1;
    for (let level = 0; level < 50_000; level++) deep = [deep];
    assert.throws(() => canonicalJson(deep), { code: 'E_ARGUMENT', expected: 'a value with at most 100 levels' });
  });

  it('refuses parts of another kind', () => {
    const base = { tenant: 'a', collection: 'c', generation: 1, model: 'm', request: {} };
    assert.throws(() => nameOf({ ...base, tenant: 7 as never }), { code: 'E_ARGUMENT' });
    assert.throws(() => nameOf({ ...base, generation: -1 }), { code: 'E_RANGE' });
    assert.throws(() => nameOf({ ...base, request: undefined as never }), { code: 'E_ARGUMENT' });
    assert.throws(() => nameOf(null as never), { code: 'E_ARGUMENT' });
  });
});
