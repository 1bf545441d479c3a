import { strict as assert } from 'node:assert';

import fc from 'fast-check';

import type { JsonObject, JsonValue } from '../../../src/document/types.js';
import { fieldsOf } from '../../../src/store/embedded/fields.js';
import { parseFilter, type Filter, type FilterNode } from '../../../src/store/filter.js';
import type { Backend, Entry } from '../../../src/store/backend.js';
import { entry, open, inFolder, withStore } from '../support.js';

// --- the oracle: the meaning of a filter in plain JavaScript, written from the words of filter.ts

/** Everything at a path. Keys that hold dots may be read as one key or as several. */
function valuesAt(value: JsonValue, path: string): JsonValue[] {
  const here = (found: JsonValue): JsonValue[] => [found, ...(Array.isArray(found) ? found.flatMap(here) : [])];
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === path) return here(inner);
    return path.startsWith(`${key}.`) ? valuesAt(inner, path.slice(key.length + 1)) : [];
  });
}

/** By code point, as UTF-8 bytes are. */
const compare = (a: string | number, b: string | number): number =>
  typeof a === 'string' && typeof b === 'string'
    ? Buffer.compare(Buffer.from(a), Buffer.from(b))
    : Number(a) - Number(b);

function holds(node: FilterNode, { document }: Entry): boolean {
  if ('all' in node) return node.all.every((one) => holds(one, { document } as Entry));
  if ('any' in node) return node.any.some((one) => holds(one, { document } as Entry));
  if ('not' in node) return !holds(node.not, { document } as Entry);
  const own: Record<string, string | undefined> = {
    $id: document.id,
    $title: document.title,
    $type: document.type,
    $source: document.source,
  };
  const values: JsonValue[] =
    node.path in own ? [own[node.path]].filter((one) => one !== undefined) : valuesAt(document.metadata, node.path);
  if ('exists' in node) return values.length > 0;
  if ('among' in node) return values.some((value) => node.among.some((one) => one === value));
  const { order, than } = node;
  return values.some((value) => {
    if (typeof value !== typeof than) return false;
    const sign = compare(value as string | number, than);
    return { gt: sign > 0, gte: sign >= 0, lt: sign < 0, lte: sign <= 0 }[order];
  });
}

// --- arbitrary documents and filters over few keys and values, so that they meet

const KEYS = ['a', 'b', 'c', 'a.b', '', '"', "'; DROP TABLE fields; --", '$', '*', '[0]', 'ключ', '\\', '%', 'a"b'];
const NUMBERS = [0, -0, 1, -1, 2, 0.1, 0.1 + 0.2, 1e21, -1e-7, 9_007_199_254_740_991, 5e-324, 1.7976931348623157e308];
const TEXTS = [
  '',
  'x',
  'X',
  'y',
  '1',
  'true',
  'null',
  '\u{10000}',
  '\uffee',
  'a\0b',
  "' OR 1=1",
  '"',
  'ünï',
  'u\u0308',
];

const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b') },
  { weight: 1, arbitrary: fc.constantFrom(...KEYS) },
);
const scalar = fc.oneof(
  fc.constantFrom<JsonValue>(null, true, false),
  fc.constantFrom<JsonValue>(0, 1, 2, 'x', 'y'),
  fc.constantFrom(...NUMBERS),
  fc.constantFrom(...TEXTS),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc
    .string({ unit: 'binary', maxLength: 3 })
    .map((text) => (text as string & { toWellFormed(): string }).toWellFormed()),
);
const json = fc.letrec<{ value: JsonValue; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'json' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

const document = fc.record({
  metadata: json.object,
  title: fc.option(fc.constantFrom(...TEXTS), { nil: undefined }),
  type: fc.option(fc.constantFrom('x', 'pdf'), { nil: undefined }),
  source: fc.option(fc.constantFrom(...TEXTS), { nil: undefined }),
});
const LIBRARY = fc.sample(document, { numRuns: 120, seed: 20_260 }).map(({ metadata, ...own }, i) => {
  const fields = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const id = TEXTS[i] === undefined || TEXTS[i] === '' ? `n${String(i)}` : TEXTS[i];
  // As it is stored: -0 is 0 in JSON.
  const stored = JSON.parse(JSON.stringify(metadata)) as JsonObject;
  return entry(id, { chunks: ['word'], metadata: stored, ...fields });
});

/** Paths and values that there are, among others that there are not. */
const FIELDS = LIBRARY.flatMap(({ document: { metadata } }) => fieldsOf(metadata)).filter(({ path }) => named(path));
function named(path: string): boolean {
  return path !== '' && (!path.startsWith('$') || /^\$(id|title|type|source)$/.test(path));
}
const path = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...FIELDS.map((field) => field.path)) },
  { weight: 1, arbitrary: fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => keys.join('.')) },
  { weight: 2, arbitrary: fc.constantFrom('$id', '$title', '$type', '$source') },
);
const operand = fc.oneof(
  fc.constantFrom(...FIELDS.map(({ value }) => value)),
  scalar as fc.Arbitrary<string | number | boolean | null>,
);
const ordered = operand.map((one) => (typeof one === 'string' || typeof one === 'number' ? one : String(one)));
const condition = fc.oneof(
  operand,
  operand.map((one) => ({ $eq: one })),
  operand.map((one) => ({ $ne: one })),
  ordered.map((one) => ({ $gt: one })),
  ordered.map((one) => ({ $gte: one })),
  ordered.map((one) => ({ $lt: one })),
  fc.tuple(ordered, ordered).map(([low, high]) => ({ $gte: low, $lte: high })),
  fc.array(operand, { maxLength: 4 }).map((some) => ({ $in: some })),
  fc.array(operand, { maxLength: 4 }).map((some) => ({ $nin: some })),
  fc.boolean().map((one) => ({ $exists: one })),
  ordered.map((one) => ({ $not: { $lte: one } })),
);
const fields = fc
  .uniqueArray(fc.tuple(path.filter(named), condition), { minLength: 1, maxLength: 2, selector: ([one]) => one })
  .map((pairs) => Object.fromEntries(pairs) as Filter);
const filters = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filter' },
    { weight: 4, arbitrary: fields },
    { weight: 1, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((some) => ({ $and: some })) },
    { weight: 2, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((some) => ({ $or: some })) },
    { weight: 1, arbitrary: tie('filter').map((one) => ({ $not: one })) },
  ),
}));

const VECTOR = Float32Array.from({ length: 16 }, (_, i) => i + 1);
const found = async (store: Backend, filter: Filter): Promise<string[]> =>
  (await store.list({ filter, limit: 1_000 })).documents.map(({ id }) => id).sort();

describe('filters', function () {
  this.timeout(180_000);

  it('take what a plain reading of them takes, in lists, counts and searches', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await store.put(LIBRARY);
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(filters.filter, async (filter) => {
          const node = parseFilter(filter);
          const wanted = LIBRARY.filter((one) => holds(node, one))
            .map(({ document: { id } }) => id)
            .sort();
          taken += wanted.length > 0 && wanted.length < LIBRARY.length ? 1 : 0;
          assert.deepEqual(await found(store, filter), wanted);
          assert.equal((await store.count(filter)).documents, wanted.length);
          const { hits } = await store.search({ text: 'word', vector: VECTOR, filter, k: 200 });
          assert.deepEqual(hits.map(({ document: { id } }) => id).sort(), wanted);
        }),
        { numRuns: 500 },
      );
      assert.ok(taken > 100, `only ${String(taken)} filters took some and left some`);
      await store.close();
    });
  });

  it('go on where they were when documents come and go', async () => {
    await withStore(async (store) => {
      const one = (id: string, year: number) => entry(id, { chunks: ['word'], metadata: { year } });
      const filter = { year: { $gte: 2000 } };
      const ids = async (): Promise<string[]> =>
        (await store.search({ text: 'word', vector: VECTOR, filter })).hits.map(({ document: { id } }) => id).sort();
      assert.deepEqual(await ids(), []);
      await store.put([one('a', 1999), one('b', 2000)]);
      assert.deepEqual(await ids(), ['b']);
      await store.put([one('a', 2001), one('c', 1990)]);
      assert.deepEqual(await ids(), ['a', 'b']);
      await store.put([one('b', 1980)]);
      await store.delete(['c']);
      assert.deepEqual(await ids(), ['a']);
    });
  });

  it('find every document that passes, however few they are', async () => {
    await withStore(async (store) => {
      const many = Array.from({ length: 600 }, (_, i) =>
        entry(`d${String(i)}`, { chunks: ['word'], metadata: { rare: i % 200 === 7 } }),
      );
      await store.put(many);
      const { hits } = await store.search({ vector: VECTOR, filter: { rare: true }, k: 10 });
      assert.deepEqual(hits.map(({ document: { id } }) => id).sort(), ['d207', 'd407', 'd7']);
    });
  });
});
