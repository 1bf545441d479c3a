/** A search as it is worked with: checked, and with nothing left to default. */
import { checkCall } from '../../lib/calls.js';
import { checkInteger, outOfRange, QuiverError, wrongArgument } from '../../lib/errors.js';
import type { ModelInfo, SearchMode, SearchRequest } from './backend.js';
import { toUnit } from './entry.js';
import { staleVectors } from './errors.js';
import { parseFilter, type FilterNode } from './filter.js';

const MAX_K = 1_000;
export const MAX_REACH = 10_000;
/** Past it, a text is a document and not a question. */
const MAX_QUERY = 4_000;

export interface SearchPlan {
  mode: SearchMode;
  text?: string;
  /** Of length 1. */
  vector?: Float32Array;
  k: number;
  offset: number;
  filter?: FilterNode;
  fusion: 'score' | 'rrf';
  weight: number;
  lambda?: number;
  minScore: number;
  minCosine: number;
  perDocument: number;
  exact: boolean;
  snippet: number;
}

export function planSearch(request: SearchRequest, model: ModelInfo): SearchPlan {
  if (typeof request !== 'object' || request === null) throw wrongArgument('the search', 'an object', request);
  checkCall(request);
  const { fingerprint } = request;
  if (fingerprint !== undefined && fingerprint !== model.fingerprint) {
    throw staleVectors('search', model.fingerprint, fingerprint);
  }
  const mode = checkMode(request);
  const k = checkInteger('k', request.k ?? 10, 1, MAX_K);
  const offset = checkInteger('offset', request.offset ?? 0, 0, MAX_REACH - k);
  const plan: SearchPlan = {
    mode,
    k,
    offset,
    fusion: checkFusion(request.fusion ?? 'score'),
    weight: fraction('weight', request.weight ?? 0.5),
    minScore: threshold('minScore', request.minScore),
    minCosine: threshold('minCosine', request.minCosine),
    perDocument:
      request.perDocument === undefined ? Infinity : checkInteger('perDocument', request.perDocument, 1, MAX_K),
    exact: flag('exact', request.exact ?? false),
    snippet: checkInteger('snippet', request.snippet ?? 240, 40, 2_000),
  };
  if (mode !== 'vector') plan.text = (request.text ?? '').slice(0, MAX_QUERY);
  if (mode !== 'keyword') plan.vector = checkVector(request.vector, model.dim);
  if (request.filter !== undefined) plan.filter = parseFilter(request.filter);
  if (request.mmr !== undefined) plan.lambda = checkMmr(request.mmr);
  if (request.minCosine !== undefined && mode === 'keyword') {
    throw new QuiverError('E_ARGUMENT', 'minCosine needs a vector; this search has words alone.', {
      expected: "mode 'hybrid' or 'vector'",
      actual: "mode 'keyword'",
    });
  }
  return plan;
}

function checkMode({ mode, text, vector }: SearchRequest): SearchMode {
  if (text !== undefined && typeof text !== 'string') throw wrongArgument('text', 'a string', text);
  if (mode !== undefined && mode !== 'hybrid' && mode !== 'vector' && mode !== 'keyword') {
    throw wrongArgument('mode', "'hybrid', 'vector' or 'keyword'", mode);
  }
  const needs = mode ?? (vector === undefined ? 'keyword' : text === undefined ? 'vector' : 'hybrid');
  if (text === undefined && needs !== 'vector') {
    throw wrongArgument('text', mode === undefined ? 'given, or vector' : `given for mode '${needs}'`, text);
  }
  if (vector === undefined && needs !== 'keyword') throw wrongArgument('vector', `given for mode '${needs}'`, vector);
  return needs;
}

function checkVector(vector: unknown, dim: number): Float32Array {
  if (!(vector instanceof Float32Array)) throw wrongArgument('vector', 'a Float32Array', vector);
  if (vector.length !== dim) {
    throw new QuiverError(
      'E_DIMENSION',
      `vector must have ${String(dim)} numbers, as the vectors of the store, but has ${String(vector.length)}.`,
      { expected: String(dim), actual: String(vector.length) },
    );
  }
  const unit = new Float32Array(dim);
  if (toUnit(vector, unit, 0, dim)) return unit;
  const at = vector.findIndex((value) => !Number.isFinite(value));
  throw new QuiverError('E_NOT_FINITE', `vector holds ${String(vector[at])} at position ${String(at)}.`, {
    expected: 'finite numbers',
    actual: String(vector[at]),
  });
}

function checkFusion(fusion: unknown): 'score' | 'rrf' {
  if (fusion === 'score' || fusion === 'rrf') return fusion;
  throw wrongArgument('fusion', "'score' or 'rrf'", fusion);
}

function checkMmr(mmr: unknown): number {
  if (typeof mmr !== 'object' || mmr === null) throw wrongArgument('mmr', '{ lambda }', mmr);
  return fraction('mmr.lambda', (mmr as { lambda?: unknown }).lambda);
}

function fraction(name: string, value: unknown): number {
  if (typeof value !== 'number') throw wrongArgument(name, 'a number from 0 to 1', value);
  if (!(value >= 0 && value <= 1)) throw outOfRange(name, 'from 0 to 1', value);
  return value;
}

function threshold(name: string, value: unknown): number {
  if (value === undefined) return -Infinity;
  if (typeof value !== 'number' || Number.isNaN(value)) throw wrongArgument(name, 'a number', value);
  return value;
}

function flag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw wrongArgument(name, 'true or false', value);
  return value;
}
