/**
 * The text that the model is made from: all of it comes with Debian, none of it from a benchmark. Descriptions of packages (software and
 * what it is for), WordNet (general English), the Gene Ontology (the language of biology).
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchPackage } from '../lib/apt.mjs';
import { cacheFolder, makeOnce } from '../lib/cache.mjs';
import { SupplyError, tail } from '../lib/errors.mjs';
import { run } from '../lib/run.mjs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { oneLine } from './clean.mjs';

/** The package lists in a folder of our own: the system's stay as they are. */
function aptOptions() {
  const state = join(cacheFolder(), 'distill', 'apt');
  const options = [
    `Dir::State::Lists=${join(state, 'lists')}`,
    `Dir::Cache=${join(state, 'cache')}`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Acquire::Languages=en',
    'APT::Sandbox::User=root',
  ];
  return { state, options: ['-q', ...options.flatMap((option) => ['-o', option])] };
}

/** All Translation-en files of the package index, as one text; kept in the cache. @returns {Promise<string>} */
async function translations() {
  const folder = join(cacheFolder(), 'distill', 'descriptions');
  const file = join(folder, 'Translation-en');
  await makeOnce(folder, async (temporary) => {
    const { state, options } = aptOptions();
    await mkdir(join(state, 'lists', 'partial'), { recursive: true });
    await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
    const update = await run('apt-get', [...options, 'update'], { env: { LC_ALL: 'C' } });
    if (update.code !== 0) {
      throw new SupplyError(`expected 'apt-get update' to bring the package index, found:\n${tail(update.output, 6)}`);
    }
    const targets = await run('apt-get', [
      ...options,
      'indextargets',
      '--format',
      '$(FILENAME)',
      'Created-By: Translations',
    ]);
    const files = targets.stdout.split('\n').filter((name) => /main.*Translation-en/.test(name));
    const texts = await Promise.all(files.sort().map((name) => catFile(name)));
    if (texts.join('').length < 1e6) {
      throw new SupplyError(
        `expected long descriptions (Translation-en) in the package index, found ${files.length} files.`,
      );
    }
    await writeFile(join(temporary, 'Translation-en'), texts.join('\n'));
  });
  return readFile(file, 'utf8');
}

/** apt knows how its lists are compressed. @param {string} file */
async function catFile(file) {
  const { stdout } = await promisify(execFile)('/usr/lib/apt/apt-helper', ['cat-file', file], { maxBuffer: 2 ** 30 });
  return stdout;
}

/** The long descriptions of all packages, as paragraphs. @returns {Promise<string[]>} */
export async function descriptionParagraphs() {
  const paragraphs = [];
  for (const entry of (await translations()).split(/\n\n+/)) {
    const body = /\nDescription-en: [^\n]*\n((?: [^\n]*\n?)+)/.exec(entry)?.[1];
    if (body === undefined) continue;
    // Lines indented further are lists and code.
    for (const paragraph of body.split(/^ \.$/m)) {
      if (!/^ {2}|^ [-*]/m.test(paragraph)) paragraphs.push(oneLine(paragraph));
    }
  }
  return paragraphs;
}

/**
 * @typedef {{ words: string[], definition: string, examples: string[] }} Synset
 */

/** WordNet 3.0: what words mean, in English sentences. @returns {Promise<Synset[]>} */
export async function wordnet() {
  const folder = await fetchPackage('wordnet-base', 'definitions and example sentences of English words');
  const synsets = [];
  for (const part of ['noun', 'verb', 'adj', 'adv']) {
    const text = await readFile(join(folder, 'usr/share/wordnet', `data.${part}`), 'latin1');
    for (const line of text.split('\n')) {
      const [head, gloss] = line.split(' | ');
      if (line.startsWith('  ') || head === undefined || gloss === undefined) continue;
      const fields = head.split(' ');
      const count = parseInt(String(fields[3]), 16);
      const words = Array.from({ length: count }, (_, i) =>
        String(fields[4 + 2 * i])
          .replace(/\([a-z]+\)$/, '')
          .replaceAll('_', ' '),
      );
      const examples = [...gloss.matchAll(/"([^"]+)"/g)].map((match) => oneLine(String(match[1])));
      const definition = oneLine(gloss.replace(/;?\s*"[^"]*"[^;"]*/g, '').replace(/[;\s]+$/, ''));
      synsets.push({ words, definition, examples });
    }
  }
  return synsets;
}

/** The Gene Ontology: names and definitions. @returns {Promise<{ term: string, definition: string, synonyms: string[] }[]>} */
export async function geneOntology() {
  const folder = await fetchPackage('r-bioc-go.db', 'the terms and definitions of the Gene Ontology');
  const { default: Database } = await import('better-sqlite3');
  const file = join(folder, 'usr/lib/R/site-library/GO.db/extdata/GO.sqlite');
  const database = new Database(file, { readonly: true, fileMustExist: true });
  try {
    /** @type {Map<number, string[]>} */
    const synonyms = new Map();
    for (const row of database.prepare('SELECT _id, synonym FROM go_synonym WHERE like_go_id = 0 ORDER BY _id').all()) {
      const { _id, synonym } = /** @type {{ _id: number, synonym: string }} */ (row);
      synonyms.set(_id, [...(synonyms.get(_id) ?? []), synonym]);
    }
    const rows = database
      .prepare('SELECT _id, term, definition FROM go_term WHERE definition IS NOT NULL ORDER BY _id')
      .all();
    return rows.map((row) => {
      const { _id, term, definition } = /** @type {{ _id: number, term: string, definition: string }} */ (row);
      return { term, definition: oneLine(definition), synonyms: synonyms.get(_id) ?? [] };
    });
  } finally {
    database.close();
  }
}
