/** `quiver export`: documents as JSON, one a line. `quiver add` reads such a file again. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Collection } from '../../collection/collection.js';
import type { Document } from '../../document/types.js';
import type { ExportCommandOptions } from '../commands/export.js';
import type { Context } from '../context.js';
import { count, plural } from '../format.js';
import { checkOutput } from '../index/inputs.js';
import { READING, withCollection } from './open.js';

function lineOf({ chunks, ...document }: Document, withChunks: boolean): string {
  return `${JSON.stringify(withChunks ? { ...document, chunks } : document)}\n`;
}

export async function exportCollection(context: Context, name: string, options: ExportCommandOptions): Promise<void> {
  const { output, signal } = context;
  const { output: target, filter, chunks = false } = options;
  if (target !== undefined) await checkOutput(target);
  await withCollection(context, name, READING, async (collection) => {
    let documents = 0;
    const lines = async function* (): AsyncGenerator<string> {
      for await (const document of documentsOf(collection, filter, signal)) {
        documents++;
        yield lineOf(document, chunks);
      }
    };
    if (target === undefined) {
      // To stdout, as it comes: --json would be the same lines.
      await pipeline(lines, process.stdout, { end: false, signal });
      return;
    }
    const unfinished = `${target}.${process.pid}.tmp`;
    try {
      await pipeline(lines, createWriteStream(unfinished, { flush: true }), { signal });
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    output.result(
      { collection: name, output: target, documents },
      () => `${target}  ${plural(documents, 'document')}${chunks ? ', with their chunks' : ''}`,
    );
    output.note(output.dim(`Read it again: quiver add <collection> ${target}  (${count(documents)} lines)`));
  });
}

function documentsOf(
  collection: Collection,
  filter: ExportCommandOptions['filter'],
  signal: AbortSignal,
): AsyncGenerator<Document> {
  return collection.documents({ ...(filter !== undefined && { filter }), signal });
}
