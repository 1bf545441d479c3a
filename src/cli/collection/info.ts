/** `quiver info`: what a collection holds, and in which state it is. */
import type { InfoCommandOptions } from '../commands/info.js';
import type { Context } from '../context.js';
import { bytes, count, pairs } from '../format.js';
import { EXIT } from '../output.js';
import { READING, withCollection } from './open.js';
import { folderOf } from './place.js';

export async function collectionInfo(context: Context, name: string, { verify }: InfoCommandOptions): Promise<void> {
  const { output, signal } = context;
  const began = performance.now();
  await withCollection(context, name, READING, async (collection) => {
    const opened = (performance.now() - began) / 1000;
    const stats = await collection.stats({ signal });
    const report = verify === true ? await collection.verify({ signal }) : undefined;
    const { documents, chunks, model, index, bytes: size, generation, snapshot, replacing } = stats;
    const json = { collection: name, folder: folderOf(name), ...stats, openSeconds: opened };
    output.result({ ...json, ...(report !== undefined && { problems: report.problems }) }, () =>
      pairs([
        ['folder', folderOf(name)],
        ['documents', `${count(documents)} in ${count(chunks)} chunks`],
        ['model', `${model.name}, ${model.dim} dimensions`],
        ['index', `${index.factory}, ${count(index.count)} vectors, ${bytes(index.bytes)} in memory`],
        ['on disk', `${bytes(size.database + size.log)} documents, ${bytes(size.snapshot)} index`],
        [
          'generation',
          `${count(generation)}${snapshot === undefined ? '' : `; the index's snapshot is of ${count(snapshot.generation)}`}`,
        ],
        ['opened', `${stats.opened.how}: ${stats.opened.reason}`],
        ...(replacing === undefined
          ? []
          : [
              [
                'new model',
                `${replacing.model.name}, ${count(replacing.done)} of ${count(replacing.total)} chunks embedded; go on with: quiver models use ${name} ${replacing.model.name}`,
              ] as const,
            ]),
        ...(report === undefined
          ? []
          : [
              [
                'verified',
                report.problems.length === 0 ? 'all is well' : report.problems.join('\n           '),
              ] as const,
            ]),
      ]),
    );
    if (report !== undefined && report.problems.length > 0) context.exitCode = EXIT.failed;
  });
}
