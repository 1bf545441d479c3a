/**
 * `npm run distill`: makes models/quiver-static-256 from the teacher in the shared folder and prints its scores. No Python. The first run
 * asks the teacher for some 20 minutes of one core; its vectors are kept in the cache, and a second run takes a minute or two.
 *
 * The benchmarks are measured, never learned from, but for sentences of STS-B's train split, without their scores (texts.mjs); settings are chosen
 * on STS-B dev and SciFact's train queries.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { StaticEmbedder } from '../../dist/src/embed/static/embedder.js';
import { writeStaticModel } from '../../dist/src/embed/static/folder.js';
import { cacheFolder } from '../lib/cache.mjs';
import { SupplyError, runMain } from '../lib/errors.mjs';
import { ROOT } from '../lib/native-build.mjs';
import { Progress, say } from '../lib/progress.mjs';
import { modelCard } from './card.mjs';
import { makeTable, PLAN } from './make.mjs';
import { scoresOf } from './scores.mjs';
import { openTeacher } from './teacher.mjs';
import { embedCached } from './vector-cache.mjs';

const NAME = 'quiver-static-256';
/** The teacher's own, by the same measures (research/static-model.md of the shared folder): embedding all of it again takes half an hour. */
const TEACHER_SCORES = {
  stsb: { dev: 0.867, test: 0.82 },
  scifact: { train: 0.661, test: 0.647 },
  cranfield: { all: 0.514, success5: 0.907 },
};

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(ROOT, 'models', NAME) },
      version: { type: 'string', default: '1.0.0' },
      date: { type: 'string', default: new Date().toISOString().slice(0, 10) },
    },
  });
  const shared = resolve(process.env.QUIVER_SHARED ?? join(ROOT, '..', 'shared'));
  const folder = join(shared, 'models', 'all-MiniLM-L6-v2-int8');
  if (!existsSync(folder))
    throw new SupplyError(`expected the teacher in ${folder}, found nothing. Set QUIVER_SHARED.`);

  const teacher = await openTeacher(folder);
  const vectors = join(cacheFolder(), 'distill', `teacher-${teacher.fingerprint.slice(0, 8)}.vectors`);
  const embed = async (/** @type {string} */ name, /** @type {readonly string[]} */ texts) => {
    const progress = new Progress(`the teacher reads ${name}`);
    const found = await embedCached(teacher, vectors, texts, (done, total) => progress.update(done / total));
    progress.done(`${texts.length} texts`);
    return found;
  };
  say('reading the texts');
  /** @type {Progress | undefined} */
  let fitting;
  const made = await makeTable(teacher, embed, {
    data: join(shared, 'data'),
    onProgress: ({ done, total }) => (fitting ??= new Progress('fitting')).update(done / total),
  });
  fitting?.done();
  await teacher.close();
  say(`mean of 1 - cosine to the teacher by epoch: ${made.losses.map((loss) => loss.toFixed(4)).join(' ')}`);

  const info = {
    name: NAME,
    version: String(values.version),
    dim: PLAN.dim,
    bits: PLAN.bits,
    hybridWeight: 0.5,
    teacher: 'all-MiniLM-L6-v2',
  };
  const out = String(values.out);
  const model = { info, tokens: made.tokens, table: { ...made.table, vocabulary: made.vocabulary, dim: info.dim } };
  const embedder = new StaticEmbedder({ ...model, fingerprint: 'not written yet' });
  const scores = await scoresOf(embedder, join(shared, 'data'));
  await embedder.close();
  const card = modelCard({
    ...made,
    info,
    tokens: made.tokens.length,
    least: PLAN.leastTexts,
    scores,
    teacher: TEACHER_SCORES,
    date: String(values.date),
  });
  await writeStaticModel(out, { ...model, card });
  console.log(JSON.stringify({ out, tokens: made.tokens.length, texts: made.counts, scores }, undefined, 2));
  return 0;
});
