/**
 * The rules that no compiler checks: who may depend on whom, and what an index.ts may hold.
 * Each rule is a function from a repository root to a list of violations, so that tests can run it on a folder of their own.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** @typedef {{ file: string, line: number, message: string }} Violation */
/** @typedef {typeof import('typescript')} TypeScript */

/** Height of each folder of src/ in the map; lib lies below all of them. A value import must go to a lower height. */
export const HEIGHTS = new Map([
  ['cli', 6],
  ['compat', 5],
  ['server', 5],
  ['engine', 4],
  ['plan', 4],
  ['collection', 3],
  ['answer', 2],
  ['cache', 2],
  ['embed', 2],
  ['ingest', 2],
  ['monitor', 2],
  ['shard', 2],
  ['store', 2],
  ['document', 1],
  ['remote', 1],
  ['thread', 1],
  ['vectors', 1],
]);

/**
 * All files below `folder` whose name matches, as absolute paths, sorted.
 *
 * @param {string} folder
 * @param {RegExp} pattern
 */
export function filesBelow(folder, pattern) {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return found.sort();
}

/** Comments become blanks of the same shape, so that line numbers stay true. @param {string} source */
function withoutComments(source) {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '));
}

/**
 * native/core, native/kernels and native/cuda know nothing of Node, and the first two nothing of CUDA: they are tested
 * and sanitized without either.
 *
 * @param {string} root
 */
export function nativeRule(root) {
  /** @type {Violation[]} */
  const violations = [];
  for (const part of ['core', 'kernels', 'cuda']) {
    for (const file of filesBelow(join(root, 'native', part), /\.(h|hpp|cc|cpp|inc)$/)) {
      const lines = withoutComments(readFileSync(file, 'utf8')).split('\n');
      lines.forEach((text, index) => {
        const target = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(text)?.[1];
        if (target === undefined) return;
        const isNode = /(^|\/)(napi(-inl)?\.h|napi-inl\..*|node_api.*\.h|js_native_api.*\.h|node\.h|v8.*\.h|uv\.h)$/;
        const isBinding = /(^|\/)binding\//.test(target) || existsSync(join(root, 'native/binding', target));
        const isCuda = part !== 'cuda' && /^(cuda\/|faiss\/gpu\/|cuda_|cublas)/.test(target);
        if (isCuda) {
          const message = `native/${part} includes "${target}": it must not know CUDA. Only native/cuda does.`;
          violations.push({ file: relative(root, file), line: index + 1, message });
        }
        const isOwn = existsSync(resolve(dirname(file), target)) && !/binding\//.test(target);
        if (!isNode.test(target) && !(isBinding && !isOwn)) return;
        const message = `native/${part} includes "${target}": it must not know Node or native/binding. Pass plain values or a callback instead.`;
        violations.push({ file: relative(root, file), line: index + 1, message });
      });
    }
  }
  return violations;
}

/**
 * Every import of a TypeScript file: its specifier, its line, and whether it is erased (types only).
 *
 * @param {TypeScript} ts
 * @param {string} file
 */
function importsOf(ts, file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true);
  /** @type {{ specifier: string, line: number, typeOnly: boolean }[]} */
  const found = [];
  /** @type {(node: import('typescript').Node, specifier: import('typescript').Node, typeOnly: boolean) => void} */
  const note = (node, specifier, typeOnly) => {
    if (!ts.isStringLiteralLike(specifier)) return;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push({ specifier: specifier.text, line: line + 1, typeOnly });
  };
  /** @param {import('typescript').Node} node */
  const visit = (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const typeOnly = ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly;
      note(node, node.moduleSpecifier, typeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument) note(node, argument, false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      note(node, node.argument.literal, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { found, source };
}

/** 'lib', 'src' (a file at its top), 'src/engine', 'bench', 'test', ... for a path relative to the root. @param {string} path */
function placeOf(path) {
  const parts = path.split(sep);
  return parts[0] === 'src' && parts.length > 2 ? `src/${parts[1]}` : String(parts[0]);
}

const MAP =
  'cli -> server -> {engine, plan} -> collection -> {answer, cache, store, embed, ingest, shard, monitor} -> {vectors, document, remote, thread} -> lib';

/**
 * The complaint about one import, or undefined when it points down.
 *
 * @param {string} from
 * @param {string} to
 * @param {boolean} typeOnly
 */
function complaint(from, to, typeOnly) {
  if (from === to) return undefined;
  if (to === 'test' || to === 'bench' || to === 'scripts')
    return `${from} imports ${to}: nothing that ships may need it`;
  if (from === 'lib')
    return `lib imports ${to}: lib stands alone, src builds on it. Move the shared part down into lib`;
  if (from === 'src') return undefined; // src/index.ts gathers what is public; the export-only rule watches it
  if (to === 'src') return `${from} imports src/index.ts: import the folder that defines it`;
  if (to === 'lib') return undefined;
  const height = HEIGHTS.get(from.slice('src/'.length));
  const target = HEIGHTS.get(to.slice('src/'.length));
  if (height === undefined || target === undefined) return undefined; // the unknown folder is reported once, by name
  if (height > target || (height === target && typeOnly)) return undefined;
  return `${from} imports ${to}: values flow down only (${MAP}). Turn the dependency round, or pass the part in`;
}

/**
 * lib never imports src, and imports in src point down only. Neighbours may share types.
 *
 * @param {string} root
 * @param {TypeScript} ts
 */
export function importRule(root, ts) {
  /** @type {Violation[]} */
  const violations = [];
  for (const entry of existsSync(join(root, 'src')) ? readdirSync(join(root, 'src'), { withFileTypes: true }) : []) {
    if (!entry.isDirectory() || HEIGHTS.has(entry.name)) continue;
    const message = `src/${entry.name} is not on the map: give it a height in HEIGHTS (scripts/house/rules.mjs) and a line in docs/architecture.md`;
    violations.push({ file: `src/${entry.name}`, line: 1, message });
  }
  const files = ['lib', 'src'].flatMap((folder) => filesBelow(join(root, folder), /\.[cm]?ts$/));
  for (const path of files) {
    const file = relative(root, path);
    for (const { specifier, line, typeOnly } of importsOf(ts, path).found) {
      const from = placeOf(file);
      if (!specifier.startsWith('.')) {
        if (from === 'lib' && !specifier.startsWith('node:')) {
          const message = `lib imports the package "${specifier}": lib has no dependency beyond Node and the addon`;
          violations.push({ file, line, message });
        }
        continue;
      }
      const to = placeOf(relative(root, resolve(dirname(path), specifier)));
      const message = complaint(from, to, typeOnly);
      if (message !== undefined) violations.push({ file, line, message });
    }
  }
  return violations;
}

/**
 * lib/index.ts and src/index.ts only export: no code runs there, nothing is defined there.
 *
 * @param {string} root
 * @param {TypeScript} ts
 */
export function exportOnlyRule(root, ts) {
  /** @type {Violation[]} */
  const violations = [];
  for (const file of ['lib/index.ts', 'src/index.ts']) {
    if (!existsSync(join(root, file))) continue;
    const { source } = importsOf(ts, join(root, file));
    for (const statement of source.statements) {
      if (ts.isExportDeclaration(statement)) continue;
      const { line } = source.getLineAndCharacterOfPosition(statement.getStart(source));
      const message = 'an index.ts only exports (`export { a } from ...`). Move this statement to a file of its own';
      violations.push({ file, line: line + 1, message });
    }
  }
  return violations;
}

/**
 * The lock file names no registry, so that `npm ci` asks the one that the user has set.
 *
 * @param {string} root
 * @returns {Violation[]}
 */
export function lockRule(root) {
  const file = 'package-lock.json';
  if (!existsSync(join(root, file))) return [{ file, line: 1, message: 'missing. Run `npm install`' }];
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((text, index) => {
    if (!/"resolved":\s*"(https?|git)/.test(text)) return [];
    const message = 'names a registry address. Run `npm install` with the .npmrc of this repository';
    return [{ file, line: index + 1, message }];
  });
}

/**
 * A C++ file is one concept: past 450 lines it is two. (ESLint watches the same for TypeScript.)
 *
 * @param {string} root
 * @returns {Violation[]}
 */
export function nativeSizeRule(root, limit = 450) {
  return filesBelow(join(root, 'native'), /\.(h|cc)$/).flatMap((path) => {
    const lines = readFileSync(path, 'utf8').split('\n').length;
    if (lines <= limit) return [];
    const message = `${lines} lines, expected at most ${limit}. Split it by concept`;
    return [{ file: relative(root, path), line: limit, message }];
  });
}

/**
 * GTEST_SKIP says why: GoogleTest's report does not tell, so the source has to.
 *
 * @param {string} root
 * @returns {Violation[]}
 */
export function nativeSkipRule(root) {
  return filesBelow(join(root, 'native/test'), /\.(h|cc)$/).flatMap((path) => {
    const source = withoutComments(readFileSync(path, 'utf8'));
    const silent = [...source.matchAll(/GTEST_SKIP\s*\(\s*\)(?!\s*<<)|\bDISABLED_\w+/g)];
    return silent.map((match) => {
      const line = source.slice(0, match.index).split('\n').length;
      const message = `${match[0]}: a skipped test says why, as in GTEST_SKIP() << "needs AVX-512"`;
      return { file: relative(root, path), line, message };
    });
  });
}
