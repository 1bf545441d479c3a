/**
 * clang-format for native/, from the npm package that carries it as WebAssembly: the same version on every machine,
 * without root and without a C++ toolchain of the right age.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow } from './rules.mjs';

/**
 * Files of native/ whose layout differs from .clang-format. With `write`, they are put right as well.
 *
 * @param {string} root
 * @param {{ write?: boolean }} [options]
 * @returns {Promise<import('./rules.mjs').Violation[]>}
 */
export async function formatNative(root, { write = false } = {}) {
  const { format } = await import('@wasm-fmt/clang-format');
  const style = readFileSync(join(root, '.clang-format'), 'utf8');
  const differing = [];
  for (const path of filesBelow(join(root, 'native'), /\.(h|cc|inc|cu|cuh)$/)) {
    const before = readFileSync(path, 'utf8');
    const after = format(before, path.endsWith('.h') ? 'main.h' : 'main.cc', style);
    if (after === before) continue;
    const wrong = before.split('\n');
    const right = after.split('\n');
    const line = right.findIndex((text, index) => text !== wrong[index]) + 1;
    differing.push({ file: relative(root, path), line: Math.max(line, 1), message: 'layout. Run `npm run format`' });
    if (write) writeFileSync(path, after);
  }
  return differing;
}
