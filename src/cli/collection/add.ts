/** `quiver add`: files into a collection. */
import type { AddFilesOptions, FileFailure, FilesAdded } from '../../collection/types.js';
import type { AddCommandOptions } from '../commands/add.js';
import type { Context } from '../context.js';
import { bytes, count, plural, seconds } from '../format.js';
import { EXIT } from '../output.js';
import { withProgress } from '../progress.js';
import { withCollection } from './open.js';
import { folderOf } from './place.js';

const SHOWN_FAILURES = 10;

function addOptions(options: AddCommandOptions): AddFilesOptions {
  const { include, exclude, hidden, followLinks, force, encoding, root, chunkSize, chunkOverlap, concurrency } =
    options;
  const chunk = {
    ...(chunkSize !== undefined && { size: chunkSize }),
    ...(chunkOverlap !== undefined && { overlap: chunkOverlap }),
  };
  return {
    ...(include !== undefined && { include }),
    ...(exclude !== undefined && { exclude }),
    ...(hidden !== undefined && { hidden }),
    ...(followLinks !== undefined && { followLinks }),
    ...(force !== undefined && { force }),
    ...(encoding !== undefined && { encoding }),
    ...(root !== undefined && { root }),
    ...(concurrency !== undefined && { concurrency }),
    ...(Object.keys(chunk).length > 0 && { chunk }),
  };
}

export async function addToCollection(
  context: Context,
  name: string,
  paths: readonly string[],
  options: AddCommandOptions,
): Promise<void> {
  const { output, signal } = context;
  const { model, cache } = options;
  const access = { cache, ...(model !== undefined && { model }) };
  await withCollection(context, name, access, async (collection) => {
    const made = collection.opened.how === 'created';
    const summary = await withProgress(output, { label: 'add', unit: 'bytes' }, (update) =>
      collection.addFiles(paths, {
        ...addOptions(options),
        signal,
        onProgress: ({ done, total }) => update(done, total),
      }),
    );
    const { documents, chunks } = await collection.count();
    const json = { collection: name, folder: folderOf(name), made, model: collection.embedder.model, ...summary };
    output.result({ ...json, failures: summary.failures.map(failureJson), holds: { documents, chunks } }, () =>
      [
        summaryLine(summary),
        ...failureLines(summary),
        `${name} holds ${plural(documents, 'document')} in ${plural(chunks, 'chunk')}.`,
      ].join('\n'),
    );
    // One bad file among good ones is told, not a failure of the command; where nothing worked, it is.
    if (summary.failed > 0 && summary.read + summary.unchanged === 0) context.exitCode = EXIT.failed;
  });
}

function summaryLine({
  files,
  read,
  unchanged,
  failed,
  documents,
  chunks,
  replaced,
  removed,
  ...rest
}: FilesAdded): string {
  const parts = [
    `${count(read)} read`,
    ...(unchanged > 0 ? [`${count(unchanged)} unchanged`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
  ];
  const changes = [
    ...(replaced > 0 ? [`${count(replaced)} replaced`] : []),
    ...(removed > 0 ? [`${count(removed)} removed`] : []),
  ];
  const made = `${plural(documents, 'document')} in ${plural(chunks, 'chunk')}`;
  const how = `${bytes(rest.bytes)} in ${seconds(rest.seconds)}`;
  return `${plural(files, 'file')}: ${parts.join(', ')}; ${[made, ...changes].join(', ')} (${how})`;
}

function failureLines({ failures }: FilesAdded): string[] {
  const lines = failures
    .slice(0, SHOWN_FAILURES)
    .map(({ file, line, error }) => `  ${file}${line === undefined ? '' : `, line ${line}`}: ${error.message}`);
  const hidden = failures.length - SHOWN_FAILURES;
  return hidden > 0 ? [...lines, `  and ${plural(hidden, 'other')}: see them all with --json`] : lines;
}

function failureJson({ file, line, error }: FileFailure): Record<string, unknown> {
  return { file, ...(line !== undefined && { line }), code: error.code, message: error.message };
}
