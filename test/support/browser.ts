/** A real browser for the tests of the page. */
import { chromium, type Browser } from 'playwright-core';
import { scriptModule } from './run.js';
import { skip } from './skip.js';

/** Starts the browser that set-up has found or installed; skips the suite, with the reason, where there is none. */
export async function startBrowser(context: Mocha.Context): Promise<Browser> {
  const { findBrowser } = await scriptModule<{ findBrowser: () => string | undefined }>('lib/browser.mjs');
  const executablePath = findBrowser();
  if (executablePath === undefined) {
    skip(context, 'no Chromium on PATH. Install it with: apt-get install -y chromium, or set QUIVER_CHROMIUM');
  }
  return chromium.launch({
    executablePath,
    // As root there is no sandbox to be had, and containers have a small /dev/shm.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}
