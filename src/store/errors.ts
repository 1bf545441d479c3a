/** Errors that every backend knows. */
import { QuiverError, wrongArgument } from '../../lib/errors.js';
import { checkDim } from '../../lib/options.js';
import type { ModelInfo } from './backend.js';

export function closed(): QuiverError {
  return new QuiverError('E_CLOSED', 'The store is closed. Open it again.', {
    expected: 'an open store',
    actual: 'a closed one',
  });
}

export function readOnly(call: string): QuiverError {
  return new QuiverError(
    'E_UNSUPPORTED',
    `${call} changes the store, which was opened with readOnly: open it without.`,
    {
      expected: 'a store opened for writing',
      actual: 'readOnly: true',
    },
  );
}

export function describeModel({ name, fingerprint, dim }: ModelInfo): string {
  return `${name} (${String(dim)} dimensions, fingerprint ${fingerprint})`;
}

/** Vectors of one model were to meet those of another. */
export function modelMismatch(what: string, stored: string, given: string, hint: string): QuiverError {
  return new QuiverError('E_MODEL_MISMATCH', `${what} ${stored}, not ${given}. ${hint}`, {
    expected: stored,
    actual: given,
  });
}

export function staleVectors(what: 'put' | 'search', stored: string, given: string): QuiverError {
  const hint =
    what === 'put'
      ? 'Embed the documents with the model of the store and put them again.'
      : 'Embed the question with the model of the store and search again.';
  return modelMismatch('The vectors of this store have the fingerprint', stored, given, hint);
}

export function checkModel(name: string, model: ModelInfo): void {
  if (typeof model !== 'object' || model === null) throw wrongArgument(name, '{ name, fingerprint, dim }', model);
  for (const key of ['name', 'fingerprint'] as const) {
    if (typeof model[key] !== 'string' || model[key] === '')
      throw wrongArgument(`${name}.${key}`, 'a string', model[key]);
  }
  checkDim(model.dim);
}
