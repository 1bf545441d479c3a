/** A real Chromium for the tests of the page: the one on PATH, else Debian's. It needs dozens of libraries, so it is installed, not unpacked. */
import { installTools } from './install-tools.mjs';
import { which } from './tools.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** @returns {string | undefined} */
export function findBrowser() {
  const named = process.env.QUIVER_CHROMIUM;
  if (named) return which(named);
  return NAMES.map((name) => which(name)).find((path) => path !== undefined);
}

/** @returns {Promise<string>} */
export async function browserProgram() {
  const found = findBrowser();
  if (found !== undefined) return found;
  await installTools([
    {
      name: 'chromium',
      pack: 'chromium',
      why: 'tests open the page of `quiver serve` in a real browser',
      otherwise: 'or set QUIVER_CHROMIUM to a Chromium or Chrome',
    },
  ]);
  return findBrowser() ?? 'chromium';
}
