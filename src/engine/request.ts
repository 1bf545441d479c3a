/** A question with all that bears on its answer, checked: what the engine works on, and what the cache knows an answer by. */
import { checkBoolean, checkObject, outOfRange, QuiverError, wrongArgument } from '../../lib/errors.js';
import { ASKING } from '../collection/asking.js';
import { checkText } from '../collection/check.js';
import type { CollectionSearch } from '../collection/types.js';
import type { JsonObject, JsonValue } from '../document/types.js';
import type { QueryOptions } from './types.js';

export interface EngineRequest {
  question: string;
  search: CollectionSearch;
  sentences: number | undefined;
  threshold: number | undefined;
  tenant: string;
  cached: boolean;
  /** Seconds. */
  deadline: number;
  signal: AbortSignal | undefined;
}

export interface RequestDefaults {
  deadline: number;
  tenantField: string | undefined;
}

const LONGEST_QUESTION = 10_000;

export function toRequest(question: string, options: QueryOptions, defaults: RequestDefaults): EngineRequest {
  checkObject('options', options);
  checkText('question', question);
  if (question.length > LONGEST_QUESTION) {
    throw outOfRange('question', `at most ${LONGEST_QUESTION.toLocaleString('en')} characters`, question.length);
  }
  const { sentences, threshold, tenant, cache = true, deadline = defaults.deadline, signal, ...search } = options;
  checkBoolean('cache', cache);
  if (tenant !== undefined && (typeof tenant !== 'string' || tenant === '')) {
    throw wrongArgument('tenant', 'a text that is not empty', tenant);
  }
  return {
    question: question.trim(),
    search: { ...ASKING, ...search, ...filterFor(tenant, search, defaults) },
    sentences,
    threshold,
    tenant: tenant ?? '',
    cached: cache,
    deadline: checkDeadline(deadline),
    signal,
  };
}

/** A tenant's filter goes around the caller's: no filter of his can widen it. */
function filterFor(
  tenant: string | undefined,
  { filter }: CollectionSearch,
  { tenantField }: RequestDefaults,
): Pick<CollectionSearch, 'filter'> {
  if (tenantField === undefined) return {};
  if (tenant === undefined) {
    throw new QuiverError('E_ARGUMENT', 'tenant must be given: this engine keeps the documents of tenants apart.', {
      expected: 'a text that is not empty',
      actual: 'undefined',
    });
  }
  const own = { [tenantField]: tenant };
  return { filter: filter === undefined ? own : { $and: [own, filter] } };
}

export function checkDeadline(value: unknown): number {
  if (typeof value !== 'number') throw wrongArgument('deadline', 'a number of seconds', value);
  if (!(value > 0 && value <= 3600)) throw outOfRange('deadline', 'above 0 and at most 3,600 seconds', value);
  return value;
}

/** All that may change the answer, as JSON; what is undefined is left out. */
export function keyOf({ question, search, sentences, threshold }: EngineRequest): JsonValue {
  const all = { question, ...search, sentences, threshold };
  return JSON.parse(JSON.stringify(all)) as JsonObject;
}
