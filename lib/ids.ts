/** Ids in: every form that a caller may give, as the one typed array that native code reads. */
import { outOfRange, QuiverError, show, wrongArgument } from './errors.js';
import type { Id, IdArray, IdsInput, IdType } from './types.js';
import { checkBuffer } from './vectors.js';

const MAX_INT64 = 2n ** 63n - 1n;
const FORMS = 'an array or set of numbers or bigints, a Float64Array, BigInt64Array, Int32Array or Uint32Array';

/** One id as a bigint index keeps it. `from` is the lowest allowed: ids are 0 or more, bounds of ranges may be less. */
function toBigint(name: string, id: unknown, from: bigint): bigint {
  if (typeof id === 'number') {
    if (!Number.isSafeInteger(id)) throw outOfRange(name, 'a safe integer (or a bigint)', id);
    id = BigInt(id);
  }
  if (typeof id !== 'bigint') throw wrongArgument(name, 'a bigint or a number', id);
  if (id < from || id > MAX_INT64) throw outOfRange(name, `an id from ${String(from)} to 2^63 - 1`, id);
  return id;
}

function toNumber(name: string, id: unknown, from: number): number {
  if (typeof id === 'bigint') {
    if (id > BigInt(Number.MAX_SAFE_INTEGER) || id < BigInt(Number.MIN_SAFE_INTEGER)) {
      throw outOfRange(name, "a safe integer (create the index with idType: 'bigint' for larger ids)", id);
    }
    id = Number(id);
  }
  if (typeof id !== 'number') throw wrongArgument(name, 'a number', id);
  if (!Number.isSafeInteger(id) || id < from) {
    throw outOfRange(name, `a whole number from ${String(from)} to 2^53 - 1 (idType: 'bigint' takes larger ones)`, id);
  }
  return id;
}

/** A copy of the ids as `Float64Array` or `BigInt64Array`, each checked. */
export function toIds(name: string, input: IdsInput, idType: IdType): IdArray {
  let list: ArrayLike<unknown>;
  if (input instanceof Set) list = [...(input as ReadonlySet<Id>)];
  else if (Array.isArray(input)) list = input;
  else if (
    input instanceof Float64Array ||
    input instanceof BigInt64Array ||
    input instanceof Int32Array ||
    input instanceof Uint32Array
  ) {
    checkBuffer(name, input);
    list = input;
  } else throw wrongArgument(name, FORMS, input);
  if (idType === 'bigint') {
    const ids = new BigInt64Array(list.length);
    for (let i = 0; i < list.length; i++) ids[i] = toBigint(`${name}[${String(i)}]`, list[i], 0n);
    return ids;
  }
  const ids = new Float64Array(list.length);
  for (let i = 0; i < list.length; i++) {
    const id = list[i];
    // The common case without building a name.
    ids[i] =
      typeof id === 'number' && id >= 0 && Number.isSafeInteger(id) ? id : toNumber(`${name}[${String(i)}]`, id, 0);
  }
  return ids;
}

/** The bounds of a half-open range of ids. */
export function toRange(name: string, range: unknown, idType: IdType): IdArray {
  if (!Array.isArray(range) || range.length !== 2) throw wrongArgument(name, 'two ids, [from, to)', range);
  const [from, to] = range as [unknown, unknown];
  const bounds =
    idType === 'bigint'
      ? BigInt64Array.of(toBigint(`${name}[0]`, from, -MAX_INT64), toBigint(`${name}[1]`, to, -MAX_INT64))
      : Float64Array.of(
          toNumber(`${name}[0]`, from, Number.MIN_SAFE_INTEGER),
          toNumber(`${name}[1]`, to, Number.MIN_SAFE_INTEGER),
        );
  if ((bounds[0] as number) > (bounds[1] as number)) {
    throw new QuiverError('E_RANGE', `${name} runs backwards: from ${show(from)} to ${show(to)}.`, {
      expected: 'from <= to',
      actual: `${show(from)} > ${show(to)}`,
    });
  }
  return bounds;
}

/** Room for ids as an index of this type gives them. */
export function newIds(idType: IdType, length: number): IdArray {
  return idType === 'bigint' ? new BigInt64Array(length) : new Float64Array(length);
}
