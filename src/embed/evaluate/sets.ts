/** Benchmarks as files: retrieval sets in the form of BEIR, and pairs of sentences with a score, as STS-B has them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

import { QuiverError } from '../../../lib/errors.js';
import type { Judgements } from './ranking.js';

export interface TextRecord {
  id: string;
  text: string;
}

export interface DocumentRecord extends TextRecord {
  /** Is in the text, too. */
  title?: string;
}

export interface RetrievalSet {
  documents: DocumentRecord[];
  queries: TextRecord[];
  judgements: Judgements;
}

export interface SimilaritySet {
  first: string[];
  second: string[];
  scores: number[];
}

/** A text file, or the same with `.gz` after its name. */
async function readText(file: string): Promise<string> {
  if (existsSync(file)) return readFile(file, 'utf8');
  if (existsSync(`${file}.gz`)) return (await promisify(gunzip)(await readFile(`${file}.gz`))).toString('utf8');
  throw new QuiverError('E_NOT_FOUND', `Expected ${file} or ${file}.gz, found neither.`, {
    expected: file,
    actual: 'nothing',
  });
}

async function readLines(file: string): Promise<Record<string, unknown>[]> {
  const lines = (await readText(file)).split('\n').filter((line) => line !== '');
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch (cause) {
      throw new QuiverError('E_CORRUPT', `Line ${i + 1} of ${file} must be JSON, but is not: ${line.slice(0, 60)}`, {
        cause,
      });
    }
  });
}

function textOf({ title, text }: Record<string, unknown>, between: string): string {
  return [title, text].filter((part): part is string => typeof part === 'string' && part !== '').join(between);
}

export interface RetrievalOptions {
  /** `train` reads the queries and judgements of `queries.train.jsonl` and `qrels.train.tsv`. */
  split?: string;
  /** What stands between a document's title and its text. Default a space. */
  between?: string;
}

/** A folder with `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`. A document's text is its title and its text. */
export async function readRetrievalSet(
  folder: string,
  { split, between = ' ' }: RetrievalOptions = {},
): Promise<RetrievalSet> {
  const suffix = split === undefined ? '' : `.${split}`;
  const records = async (name: string): Promise<DocumentRecord[]> =>
    (await readLines(join(folder, name))).map((record) => {
      const { _id, title } = record;
      const named = typeof title === 'string' && title !== '' ? { title } : {};
      return { id: String(_id), text: textOf(record, between), ...named };
    });
  const judgements = new Map<string, Map<string, number>>();
  const [, ...rows] = (await readText(join(folder, `qrels${suffix}.tsv`))).split('\n');
  for (const row of rows) {
    const [query, document, gain] = row.split('\t');
    if (query === undefined || document === undefined || gain === undefined) continue;
    const relevant = judgements.get(query) ?? new Map<string, number>();
    judgements.set(query, relevant.set(document, Number(gain)));
  }
  const queries = await records(`queries${suffix}.jsonl`);
  return {
    documents: await records('corpus.jsonl'),
    queries: queries.filter(({ id }) => judgements.has(id)),
    judgements,
  };
}

/** A file of lines with `sentence1`, `sentence2` and `score`. */
export async function readSimilaritySet(file: string): Promise<SimilaritySet> {
  const records = await readLines(file);
  return {
    first: records.map(({ sentence1 }) => String(sentence1)),
    second: records.map(({ sentence2 }) => String(sentence2)),
    scores: records.map(({ score }) => Number(score)),
  };
}
