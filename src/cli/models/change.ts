/** `quiver models use` and `quiver models fit`: a collection gets other vectors. */
import type { Context } from '../context.js';
import { CHANGING, withCollection } from '../collection/open.js';
import { count, plural } from '../format.js';
import { withProgress } from '../progress.js';

export async function useModel(
  context: Context,
  name: string,
  model: string,
  { device }: { device?: 'cpu' | 'cuda' },
): Promise<void> {
  const { output, signal } = context;
  await withCollection(context, name, CHANGING, async (collection) => {
    const before = collection.embedder.model;
    const { chunks } = await withProgress(output, { label: 'embed', unit: 'chunks' }, (update) =>
      collection.setModel(model, {
        signal,
        ...(device !== undefined && { device }),
        onProgress: ({ done, total }) => update(done, total),
      }),
    );
    const after = collection.embedder.model;
    output.result(
      { collection: name, before, model: after, chunks },
      () => `${name} speaks ${after} now, before ${before}: ${plural(chunks, 'chunk')} embedded anew`,
    );
  });
}

export interface FitCommandOptions {
  teacher: string;
  texts?: number;
  device?: 'cpu' | 'cuda';
}

export async function fitCollectionModel(
  context: Context,
  name: string,
  { teacher, texts, device }: FitCommandOptions,
): Promise<void> {
  const { output, signal } = context;
  await withCollection(context, name, CHANGING, async (collection) => {
    let phase = '';
    const report = await withProgress(output, { label: 'fit', unit: 'steps' }, (update) =>
      collection.fit({
        teacher,
        signal,
        ...(texts !== undefined && { texts }),
        ...(device !== undefined && { device }),
        onProgress: ({ phase: now, done, total }) => {
          if (now !== phase) output.note(output.dim(`fit: ${now}, ${count(total)}`));
          phase = now;
          update(done, total);
        },
      }),
    );
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    const { agreement, newWords, texts: used, model, chunks } = report;
    output.result({ collection: name, teacher, ...report }, () =>
      [
        `${name} speaks ${model} now: ${plural(chunks, 'chunk')} embedded anew`,
        `learned from ${plural(used.learned, 'text')} with ${teacher} as its teacher; ${plural(newWords, 'new word')}`,
        `of the teacher's 10 nearest neighbours among ${count(used.heldOut)} texts kept aside it finds ` +
          `${percent(agreement.after)}, before ${percent(agreement.before)}`,
      ].join('\n'),
    );
  });
}
