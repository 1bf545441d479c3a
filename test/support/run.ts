import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The root of the checkout, seen from dist/test/support. */
export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** A module of scripts/, which are plain JavaScript: the caller states the types it uses. */
export async function scriptModule<T>(name: string): Promise<T> {
  const url = pathToFileURL(join(repositoryRoot, 'scripts', name)).href;
  return (await import(url)) as T;
}

/** A folder that is gone after `use`. `files` maps relative paths to contents. */
export function withFolder<T>(files: Record<string, string>, use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-house-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one of our scripts to its end. Colours are off, so that a test can read what was printed. */
export function runScript(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const clean = { ...process.env, ...env, FORCE_COLOR: '0', NO_COLOR: '1' };
  // Neither the coverage nor the result file of the run that this test is part of may be touched by its child.
  delete (clean as NodeJS.ProcessEnv).NODE_V8_COVERAGE;
  delete (clean as NodeJS.ProcessEnv).QUIVER_MOCHA_RESULT;
  delete (clean as NodeJS.ProcessEnv).NODE_OPTIONS;
  const path = join(repositoryRoot, 'scripts', script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    env: clean,
  });
  return { status, stdout, stderr };
}
