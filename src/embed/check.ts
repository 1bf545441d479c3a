/** What every embedder asks of its callers. */
import { checkCall } from '../../lib/calls.js';
import { wrongArgument } from '../../lib/errors.js';
import type { EmbedOptions } from './embedder.js';

/** Errors: E_ARGUMENT, E_ABORTED. */
export function checkEmbedOptions(options: EmbedOptions): void {
  checkCall(options);
  const { input = 'document' } = options;
  if (input !== 'query' && input !== 'document') throw wrongArgument('input', "'query' or 'document'", input);
}

/** Errors: E_ARGUMENT, E_ABORTED. */
export function checkEmbed(texts: readonly string[], options: EmbedOptions): void {
  checkEmbedOptions(options);
  if (!Array.isArray(texts)) throw wrongArgument('texts', 'an array of strings', texts);
  const at = texts.findIndex((text) => typeof text !== 'string');
  if (at >= 0) throw wrongArgument(`texts[${at}]`, 'a string', texts[at]);
}
