/** What is older than what it was made from. Reads times only, so that a set-up with nothing to do is quick. */
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** @param {string} file @returns {number | undefined} */
export function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/**
 * All files below the given files and folders; what does not exist is left out.
 *
 * @param {readonly string[]} paths
 * @returns {string[]}
 */
export function filesUnder(paths) {
  return paths.flatMap((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) return [];
    if (!found.isDirectory()) return [path];
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  });
}

/**
 * Whether all is older than the stamp: the named files, and below the named folders every file and folder (a removed
 * file shows in the time of its folder).
 *
 * @param {string} stamp
 * @param {readonly string[]} sources
 */
export function isNewerThan(stamp, sources) {
  const made = timeOf(stamp);
  if (made === undefined) return false;
  const files = filesUnder(sources);
  const folders = files.filter((file) => !sources.includes(file)).map((file) => dirname(file));
  return [...files, ...new Set(folders)].every((file) => (timeOf(file) ?? 0) <= made);
}

/**
 * @param {string} stamp a JSON file
 * @param {Record<string, string>} inputs
 */
export function wasMadeWith(stamp, inputs) {
  try {
    const made = JSON.parse(readFileSync(stamp, 'utf8'));
    return Object.entries(inputs).every(([name, value]) => made[name] === value);
  } catch {
    return false;
  }
}

/**
 * Removes compiled files whose TypeScript is gone: mocha would still run them.
 *
 * @param {string} root
 * @param {string} dist
 * @returns {string[]} what was removed
 */
export function removeOrphans(root, dist) {
  const orphans = filesUnder([dist]).filter((file) => {
    const source = /^(.*?)(\.d\.ts|\.js|\.js\.map|\.d\.ts\.map)$/.exec(relative(dist, file))?.[1];
    return source !== undefined && timeOf(join(root, `${source}.ts`)) === undefined;
  });
  for (const file of orphans) rmSync(file);
  return orphans;
}
