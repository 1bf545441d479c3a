/** From a nested filter to the postfix steps that native/core/filter.cc evaluates. */
import { types } from 'node:util';

import { QuiverError, wrongArgument } from './errors.js';
import { toIds, toRange } from './ids.js';
import type { FilterSteps } from './native.js';
import type { Filter, IdType } from './types.js';
import { checkBuffer } from './vectors.js';

const MAX_DEPTH = 64;
const MAX_STEPS = 10_000;
const FORMS = '{ ids }, { range: [from, to] }, { bitmap }, { and: [...] }, { or: [...] } or { not: filter }';

export function toSteps(filter: Filter, idType: IdType): FilterSteps {
  const steps: FilterSteps = [];
  push('filter', filter, idType, steps, 0);
  return steps;
}

function push(name: string, filter: Filter, idType: IdType, steps: FilterSteps, depth: number): void {
  if (depth > MAX_DEPTH || steps.length > MAX_STEPS) {
    throw new QuiverError(
      'E_RANGE',
      `The filter is nested more than ${String(MAX_DEPTH)} deep or has too many parts.`,
      {
        expected: `at most ${String(MAX_DEPTH)} levels and ${String(MAX_STEPS / 2)} parts`,
        actual: 'more',
      },
    );
  }
  if (typeof filter !== 'object' || filter === null) throw wrongArgument(name, FORMS, filter);
  const keys = Object.keys(filter);
  if (keys.length !== 1) {
    throw wrongArgument(name, `one of ${FORMS} (join several with and)`, `{ ${keys.join(', ')} }`);
  }
  if ('ids' in filter) steps.push('ids', toIds(`${name}.ids`, filter.ids, idType));
  else if ('range' in filter) steps.push('range', toRange(`${name}.range`, filter.range, idType));
  else if ('bitmap' in filter) {
    if (!types.isUint8Array(filter.bitmap)) throw wrongArgument(`${name}.bitmap`, 'a Uint8Array', filter.bitmap);
    checkBuffer(`${name}.bitmap`, filter.bitmap);
    const bytes = filter.bitmap;
    steps.push('bitmap', new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } else if ('not' in filter) {
    push(`${name}.not`, filter.not, idType, steps, depth + 1);
    steps.push('not', undefined);
  } else if ('and' in filter) pushAll(`${name}.and`, 'and', filter.and, idType, steps, depth);
  else if ('or' in filter) pushAll(`${name}.or`, 'or', filter.or, idType, steps, depth);
  else throw wrongArgument(name, FORMS, `{ ${keys.join(', ')} }`);
}

function pushAll(
  name: string,
  op: 'and' | 'or',
  parts: readonly Filter[],
  idType: IdType,
  steps: FilterSteps,
  depth: number,
): void {
  if (!Array.isArray(parts) || parts.length === 0)
    throw wrongArgument(name, 'an array with at least one filter', parts);
  parts.forEach((part: Filter, i) => push(`${name}[${String(i)}]`, part, idType, steps, depth + 1));
  steps.push(op, parts.length);
}
