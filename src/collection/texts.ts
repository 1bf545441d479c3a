/** Texts that come from code into a collection. */
import { createHash } from 'node:crypto';
import { checkCall } from '../../lib/calls.js';
import { wrongArgument } from '../../lib/errors.js';
import type { Document } from '../document/types.js';
import type { Embedder } from '../embed/embedder.js';
import { chunkText } from '../ingest/chunk.js';
import type { Backend } from '../store/backend.js';
import { DocumentWriter } from './adding.js';
import type { Added, AddTextOptions, TextInput } from './types.js';

function toDocument(input: TextInput, at: number, options: AddTextOptions): Document {
  const name = `documents[${at}]`;
  if (typeof input !== 'object' || input === null) throw wrongArgument(name, 'an object with a text', input);
  const { text, metadata = {}, chunks, id, ...rest } = input;
  if (typeof text !== 'string') throw wrongArgument(`${name}.text`, 'a string', text);
  return {
    ...rest,
    id: id ?? createHash('sha256').update(text).digest('hex').slice(0, 32),
    text,
    metadata,
    chunks: chunks ?? chunkText(text, options.chunk ?? {}),
  };
}

/** Errors: E_ARGUMENT, E_RANGE, E_ABORTED and those of the store and the model. */
export async function addTexts(
  backend: Backend,
  embedder: () => Embedder,
  input: TextInput | readonly TextInput[],
  options: AddTextOptions = {},
): Promise<Added> {
  checkCall(options);
  const { signal, onProgress } = options;
  const call = signal === undefined ? {} : { signal };
  const list = Array.isArray(input) ? (input as readonly TextInput[]) : [input as TextInput];
  const documents = list.map((one, at) => toDocument(one, at, options));
  const added: Added = { ids: documents.map(({ id }) => id), documents: 0, chunks: 0, replaced: 0 };
  const writer = new DocumentWriter(backend, embedder, call, (written) => {
    added.documents += written.documents;
    added.chunks += written.chunks;
    added.replaced += written.replaced;
    onProgress?.({ phase: 'add', done: added.documents, total: documents.length });
  });
  try {
    for (const document of documents) await writer.add(document);
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return added;
}
