/** A model made for one collection: the small one learns from a large one what the collection's own texts mean. */
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { wrongArgument } from '../../lib/errors.js';
import type { CallOptions } from '../../lib/index.js';
import type { Embedder } from '../embed/embedder.js';
import { adaptModel, type Adapted } from '../embed/fit/adapt.js';
import { findModelFolder, kindOfFolder } from '../embed/models/open.js';
import { DEFAULT_MODEL } from '../embed/models/registry.js';
import { openStaticEmbedder } from '../embed/static/embedder.js';
import { readStaticModel, writeStaticModel, type StaticModel } from '../embed/static/folder.js';
import type { Backend } from '../store/backend.js';
import { embedText } from './embed-text.js';
import { fittedFolder, toEmbedder, type Caching } from './model.js';
import type { FitOptions } from './types.js';

const DEFAULT_TEXTS = 20_000;

/** Texts of chunks as the model gets them, at most so many, every document as likely as any other of its length. */
async function sampleTexts(backend: Backend, most: number, options: CallOptions): Promise<string[]> {
  const { chunks } = await backend.count(undefined, options);
  // Every n-th chunk, in the order of the documents: the same sample each time, from all over the collection.
  const step = Math.max(1, chunks / most);
  const texts: string[] = [];
  let seen = 0;
  for (let after: string | undefined; ;) {
    const page = await backend.list({ limit: 500, ...options, ...(after !== undefined && { after }) });
    for (const { id } of page.documents) {
      const document = await backend.get(id, options);
      for (const { text, headings } of document?.chunks ?? []) {
        if (Math.floor(seen / step) === texts.length && texts.length < most) {
          texts.push(embedText({ text, headings, title: document?.title }));
        }
        seen++;
      }
    }
    if (page.next === undefined) return texts;
    after = page.next;
  }
}

/** What is fitted: the collection's own model where it is a static one, else the one that comes with the package. */
async function baseModel(folder: string, backend: Backend): Promise<StaticModel> {
  const { name, fingerprint } = backend.model;
  const own = await readStaticModel(fittedFolder(folder, fingerprint)).catch(() => undefined);
  if (own !== undefined) return own;
  const place = await findModelFolder(name).catch(() => undefined);
  const isStatic = place !== undefined && (await kindOfFolder(place)) === 'static';
  return readStaticModel(isStatic ? place : await findModelFolder(DEFAULT_MODEL));
}

export interface Fit extends Omit<Adapted, 'model'> {
  embedder: Embedder;
}

function cardOf(
  name: string,
  base: string,
  teacher: string,
  { texts, agreement, newWords }: Omit<Adapted, 'model'>,
): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return `# ${name}

${base}, fitted to the texts of one collection with ${teacher} as its teacher.

- Learned from ${texts.learned} texts; ${newWords} words got a row of their own.
- Of the teacher's 10 nearest neighbours among ${texts.heldOut} texts that were kept aside it finds ${percent(agreement.after)}; before
  it was ${percent(agreement.before)}.
- It belongs to this collection, and says little about other texts.
`;
}

/** Makes the fitted model and lays it down in the collection's folder; the collection does not use it yet. */
export async function fitModel(
  folder: string,
  backend: Backend,
  options: FitOptions & { caching: Caching },
): Promise<Fit> {
  const { teacher: wanted, texts: most = DEFAULT_TEXTS, device, signal, onProgress, caching } = options;
  if (wanted === undefined) throw wrongArgument('teacher', 'the name of a model, or an embedder', wanted);
  const call: CallOptions = signal === undefined ? {} : { signal };
  const base = await baseModel(folder, backend);
  const texts = await sampleTexts(backend, most, call);
  const opening = { ...call, ...(device !== undefined && { device }), caching };
  const { embedder: teacher, own } = await toEmbedder(wanted, opening);
  try {
    const name = base.info.name.replace(/(-fitted)?$/, '-fitted');
    const { model, ...report } = await adaptModel(base, teacher, texts, {
      ...call,
      name,
      ...(onProgress !== undefined && { onProgress }),
    });
    const made = `${fittedFolder(folder, 'new')}-${process.pid}`;
    await rm(made, { recursive: true, force: true });
    await mkdir(dirname(made), { recursive: true });
    await writeStaticModel(made, { ...model, card: cardOf(name, base.info.name, teacher.model, report) });
    const { fingerprint } = await readStaticModel(made);
    const target = fittedFolder(folder, fingerprint);
    await rm(target, { recursive: true, force: true });
    await rename(made, target);
    return { ...report, embedder: await openStaticEmbedder(target) };
  } finally {
    if (own) await teacher.close();
  }
}
