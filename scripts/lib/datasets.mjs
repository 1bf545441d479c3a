/** Data sets that Debian packages. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchPackage, unpackPackage } from './apt.mjs';
import { cacheFolder, makeOnce } from './cache.mjs';
import { SupplyError } from './errors.mjs';

const BELOW_USR = ['share', 'datasets', 'fashion-mnist'];
/** 60,000 and 10,000 pictures of 28 x 28, with their labels. */
const FILES = [
  'train-images-idx3-ubyte.gz',
  't10k-images-idx3-ubyte.gz',
  'train-labels-idx1-ubyte.gz',
  't10k-labels-idx1-ubyte.gz',
];

/** @param {string} folder */
function isWhole(folder) {
  return FILES.every((name) => existsSync(join(folder, name)));
}

/** The folder with fashion-mnist's four files: the system's, else Debian's package unpacked into the cache. */
export async function fashionMnist() {
  const installed = join('/usr', ...BELOW_USR);
  if (isWhole(installed)) return installed;
  const folder = join(cacheFolder(), 'data', 'fashion-mnist');
  await makeOnce(folder, async (temporary) => {
    const unpacked = join(temporary, 'package');
    await mkdir(unpacked);
    await unpackPackage('dataset-fashion-mnist', '60,000 pictures to index, 31 MB', unpacked);
    const found = join(unpacked, 'usr', ...BELOW_USR);
    if (!isWhole(found)) throw new SupplyError(`expected ${FILES.join(', ')} in Debian's package, found fewer.`);
    for (const name of FILES) await rename(join(found, name), join(temporary, name));
    await rm(unpacked, { recursive: true });
  });
  if (!isWhole(folder)) {
    throw new SupplyError(
      `expected ${FILES.join(', ')} in ${folder}, found fewer. Remove that folder, and it is fetched again.`,
    );
  }
  return folder;
}

/** The folder with the 142 PDFs of the LaTeX packages for the humanities: manuals of 1 to 350 pages. */
export async function humanitiesPdfs() {
  // Fetched also where it is installed: other packages put their manuals into the same folder.
  const folder = await fetchPackage('texlive-humanities-doc', '142 PDFs to read, 27 MB');
  return join(folder, 'usr', 'share', 'doc', 'texlive-doc');
}
