/** The per-user cache outside the checkout, and how a folder in it comes to be exactly once. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { say } from './progress.mjs';
import { which } from './tools.mjs';

/** `$QUIVER_CACHE`, else `$XDG_CACHE_HOME/faiss-quiver`, else `~/.cache/faiss-quiver`. */
export function cacheFolder() {
  if (process.env.QUIVER_CACHE) return resolve(process.env.QUIVER_CACHE);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'faiss-quiver');
}

/**
 * Runs `work` while this process alone holds the lock on `file`. The lock is the kernel's (flock): it goes when the
 * holder dies, however it dies, so no stale lock can be left behind. Where the flock program is missing the work
 * runs unlocked; results are still put in place by one rename.
 *
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  await mkdir(dirname(file), { recursive: true });
  const flock = which('flock');
  if (!flock) return work();
  // The child holds the lock until its stdin closes: when we end it, or when this process is gone.
  const child = spawn(flock, ['--exclusive', file, 'sh', '-c', 'echo held; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const note = setTimeout(() => say(`waiting for another build that holds ${file}`), 1500);
  const released = new Promise((done) => child.once('close', done));
  try {
    await Promise.race([new Promise((held) => child.stdout.once('data', held)), released]);
    clearTimeout(note);
    return await work();
  } finally {
    clearTimeout(note);
    child.stdin.end();
    await released;
  }
}

/**
 * Makes `folder` once: `fill` writes into a temporary folder beside it, which then takes its name. Whoever comes
 * second waits and finds it done. A failed or killed attempt leaves nothing under the final name.
 *
 * @param {string} folder
 * @param {(temporary: string) => Promise<void>} fill
 * @returns {Promise<boolean>} whether this call made it
 */
export async function makeOnce(folder, fill) {
  if (existsSync(folder)) return false;
  return withLock(join(cacheFolder(), 'locks', `${basename(dirname(folder))}-${basename(folder)}.lock`), async () => {
    if (existsSync(folder)) return false;
    await mkdir(dirname(folder), { recursive: true });
    if (which('flock')) await removeLeftovers(folder);
    const temporary = await mkdtemp(`${folder}.tmp-`);
    try {
      await fill(temporary);
      await rename(temporary, folder);
    } catch (error) {
      // Without flock another process may have been first; its result is as good.
      if (!existsSync(folder)) throw error;
      return false;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return true;
  });
}

/** What killed attempts left behind; only called while holding the folder's lock. @param {string} folder */
async function removeLeftovers(folder) {
  const prefix = `${basename(folder)}.tmp-`;
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(prefix)) await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
}
