/**
 * `node scripts/fetch-data.mjs [fashion-mnist | pdfs]`: prints the folder that holds a data set, after fetching it when this
 * machine has none.
 */
import { fashionMnist, humanitiesPdfs } from './lib/datasets.mjs';
import { runMain, SupplyError } from './lib/errors.mjs';

/** @type {Record<string, () => Promise<string>>} */
const SETS = { 'fashion-mnist': fashionMnist, pdfs: humanitiesPdfs };

await runMain(async () => {
  const name = process.argv[2] ?? 'fashion-mnist';
  const fetch = SETS[name];
  if (!fetch) throw new SupplyError(`expected one of ${Object.keys(SETS).join(', ')}, found ${name}`);
  process.stdout.write(`${await fetch()}\n`);
});
