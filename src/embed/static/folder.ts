/**
 * A static model as a folder: `config.json` (what it is, and the hash of each file), `vocabulary.txt` (a token a line) and `table.bin` (the
 * rows, then a float32 scale a row, little-endian). Nothing of it is used before its hash is right.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { QuiverError } from '../../../lib/errors.js';
import { shared } from './memory.js';
import { type Bits, packRows, type StaticTable, unpackRows } from './table.js';
import { Vocabulary } from './vocabulary.js';

const FORMAT = 1;
const CONFIG = 'config.json';
const VOCABULARY = 'vocabulary.txt';
const TABLE = 'table.bin';
/** Far above any model; a config that asks for more is damaged, and must not make us ask for the memory. */
const LARGEST_DIM = 4096;

/** What a model says about itself. */
export interface StaticModelInfo {
  name: string;
  version: string;
  dim: number;
  bits: Bits;
  /** Weight of the vectors' part in hybrid search, 0 to 1. */
  hybridWeight: number;
  /** The model that it was fitted to. */
  teacher?: string;
}

interface Config extends StaticModelInfo {
  format: number;
  files: Record<string, { bytes: number; sha256: string }>;
}

export interface StaticModel {
  info: StaticModelInfo;
  table: StaticTable;
  tokens: readonly string[];
  /** Of the vocabulary and the table: the same hash, the same vectors. */
  fingerprint: string;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function readModelFile(folder: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, name));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      const message = `Expected a static model in ${folder}, found no ${name} there. Give the folder of a model that has one.`;
      throw new QuiverError('E_NOT_FOUND', message, { expected: name, actual: 'nothing', cause });
    }
    const message = `Reading ${join(folder, name)} failed: ${(cause as Error).message}`;
    throw new QuiverError('E_IO', message, { cause });
  }
}

function corrupt(file: string, expected: string, actual: string, cause?: unknown): QuiverError {
  const message = `${file} is damaged: expected ${expected}, found ${actual}. Get the model again.`;
  return new QuiverError('E_CORRUPT', message, { expected, actual, cause });
}

function isConfig(value: unknown): value is Config {
  if (typeof value !== 'object' || value === null) return false;
  const { name, version, dim, bits, hybridWeight, files, teacher } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    typeof version === 'string' &&
    Number.isInteger(dim) &&
    (dim as number) >= 2 &&
    (dim as number) <= LARGEST_DIM &&
    (dim as number) % 2 === 0 &&
    (bits === 4 || bits === 8) &&
    typeof hybridWeight === 'number' &&
    hybridWeight >= 0 &&
    hybridWeight <= 1 &&
    (teacher === undefined || typeof teacher === 'string') &&
    [VOCABULARY, TABLE].every((file) => {
      const entry = (files as Record<string, Record<string, unknown> | undefined> | null | undefined)?.[file];
      return typeof entry?.sha256 === 'string' && typeof entry.bytes === 'number';
    })
  );
}

async function readConfig(folder: string): Promise<Config> {
  const file = join(folder, CONFIG);
  const text = (await readModelFile(folder, CONFIG)).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt(file, 'JSON', 'something else', cause);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT) {
    const message = `${file} has format ${format}, but this version of Quiver reads up to ${FORMAT}. Install a newer Quiver.`;
    throw new QuiverError('E_VERSION', message, { expected: `at most ${FORMAT}`, actual: String(format) });
  }
  if (format !== FORMAT || !isConfig(value)) throw corrupt(file, 'the description of a static model', 'something else');
  return value;
}

async function readVerified(folder: string, name: string, { files }: Config): Promise<Buffer> {
  const bytes = await readModelFile(folder, name);
  const expected = files[name];
  if (bytes.length !== expected.bytes) {
    throw corrupt(join(folder, name), `${expected.bytes} bytes`, `${bytes.length} bytes`);
  }
  const actual = sha256(bytes);
  if (actual !== expected.sha256) throw corrupt(join(folder, name), `SHA-256 ${expected.sha256}`, actual);
  return bytes;
}

/** Errors: E_NOT_FOUND, E_IO, E_CORRUPT, E_VERSION. */
export async function readStaticModel(folder: string): Promise<StaticModel> {
  const { format, files, ...info } = await readConfig(folder);
  const config = { format, files, ...info };
  const [words, table] = await Promise.all([
    readVerified(folder, VOCABULARY, config),
    readVerified(folder, TABLE, config),
  ]);
  const tokens = words.toString('utf8').replace(/\n$/, '').split('\n');
  const rowBytes = (info.dim * info.bits) / 8;
  const expected = tokens.length * (rowBytes + 4);
  if (table.length !== expected) {
    throw corrupt(join(folder, TABLE), `${expected} bytes for ${tokens.length} tokens`, `${table.length} bytes`);
  }
  const rows = unpackRows(table.subarray(0, tokens.length * rowBytes), info.bits);
  const scales = shared(Float32Array, tokens.length);
  for (let i = 0; i < tokens.length; i++) scales[i] = table.readFloatLE(tokens.length * rowBytes + i * 4);
  return {
    info,
    tokens,
    table: { vocabulary: Vocabulary.of(tokens), dim: info.dim, rows, scales },
    fingerprint: sha256(Buffer.from(`${files[VOCABULARY]?.sha256 ?? ''} ${files[TABLE]?.sha256 ?? ''}`)),
  };
}

/**
 * Writes a model and its card (`README.md`). The folder appears whole or not at all; one that is there already is replaced.
 * Errors: E_IO.
 */
export async function writeStaticModel(
  folder: string,
  {
    info,
    tokens,
    table,
    card,
  }: Pick<StaticModel, 'info' | 'tokens'> & { table: Pick<StaticTable, 'rows' | 'scales'>; card: string },
): Promise<void> {
  const scales = Buffer.alloc(tokens.length * 4);
  table.scales.forEach((scale, i) => scales.writeFloatLE(scale, i * 4));
  const contents: Record<string, Uint8Array> = {
    [VOCABULARY]: Buffer.from(`${tokens.join('\n')}\n`),
    [TABLE]: Buffer.concat([packRows(table.rows, info.bits), scales]),
  };
  const files = Object.fromEntries(
    Object.entries(contents).map(([name, bytes]) => [name, { bytes: bytes.length, sha256: sha256(bytes) }]),
  );
  const config: Config = { format: FORMAT, ...info, files };
  contents[CONFIG] = Buffer.from(`${JSON.stringify(config, undefined, 2)}\n`);
  contents['README.md'] = Buffer.from(card);
  const temporary = `${folder}.tmp-${process.pid}`;
  try {
    await mkdir(dirname(folder), { recursive: true });
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    for (const [name, bytes] of Object.entries(contents))
      await writeFile(join(temporary, name), bytes, { flush: true });
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } catch (cause) {
    // What hinders the writing may hinder this too; the first error is the one to tell.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw new QuiverError('E_IO', `Writing the model to ${folder} failed: ${(cause as Error).message}`, { cause });
  }
}
