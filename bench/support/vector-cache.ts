/**
 * An embedder that remembers: a benchmark of quality is run again and again over the same texts, and a transformer takes minutes for
 * them. One file a model, under its fingerprint, in the cache outside the checkout.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Embedder, EmbedOptions } from '../../src/embed/embedder.js';

const KEY_BYTES = 32;
const SUM_BYTES = 4;
/** Texts embedded before they are written: what an interrupted run loses at most. */
const BATCH = 256;

export function vectorCacheFile(fingerprint: string): string {
  const { QUIVER_CACHE: cache = join(homedir(), '.cache', 'faiss-quiver') } = process.env;
  return join(cache, 'bench', `vectors-${fingerprint.replace(/[^\w-]/g, '').slice(0, 32)}.bin`);
}

/** Closes the embedder that it stands before. */
export class CachedEmbedder implements Embedder {
  readonly model: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly hybridWeight: number;
  readonly file: string;
  readonly #embedder: Embedder;
  readonly #vectors: Map<string, Float32Array>;

  private constructor(embedder: Embedder, file: string, known: Map<string, Float32Array>) {
    const { model, fingerprint, dim, hybridWeight } = embedder;
    this.model = model;
    this.fingerprint = fingerprint;
    this.dim = dim;
    this.hybridWeight = hybridWeight;
    this.file = file;
    this.#embedder = embedder;
    this.#vectors = known;
  }

  static async open(embedder: Embedder, file = vectorCacheFile(embedder.fingerprint)): Promise<CachedEmbedder> {
    await mkdir(dirname(file), { recursive: true });
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    return new CachedEmbedder(embedder, file, parse(bytes, embedder.dim));
  }

  /** Vectors that it remembers. */
  get known(): number {
    return this.#vectors.size;
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    const { signal, onProgress, input = 'document' } = options;
    const keys = texts.map((text) => createHash('sha256').update(`${input}\n${text}`).digest().toString('latin1'));
    const missing = [...new Map(keys.map((key, i) => [key, i]))].filter(([key]) => !this.#vectors.has(key));
    for (let from = 0; from < missing.length; from += BATCH) {
      const batch = missing.slice(from, from + BATCH);
      const wanted = batch.map(([, i]) => texts[i] ?? '');
      const vectors = await this.#embedder.embed(wanted, { input, ...(signal && { signal }) });
      await this.#keep(
        batch.map(([key]) => key),
        vectors,
      );
      onProgress?.({ phase: 'embed', done: from + batch.length, total: missing.length });
    }
    const out = new Float32Array(texts.length * this.dim);
    keys.forEach((key, i) => out.set(this.#vectors.get(key) ?? [], i * this.dim));
    return out;
  }

  async close(): Promise<void> {
    await this.#embedder.close();
  }

  async #keep(keys: readonly string[], vectors: Float32Array): Promise<void> {
    const records = keys.map((key, i) => {
      const vector = vectors.slice(i * this.dim, (i + 1) * this.dim);
      this.#vectors.set(key, vector);
      const body = Buffer.concat([Buffer.from(key, 'latin1'), Buffer.from(vector.buffer)]);
      const sum = Buffer.alloc(SUM_BYTES);
      sum.writeUInt32LE(crc32(body));
      return Buffer.concat([body, sum]);
    });
    await appendFile(this.file, Buffer.concat(records));
  }
}

/** Records that do not fit their sum (a run that was killed, two that wrote at once) are embedded again. */
function parse(bytes: Buffer, dim: number): Map<string, Float32Array> {
  const known = new Map<string, Float32Array>();
  const body = KEY_BYTES + dim * 4;
  for (let at = 0; at + body + SUM_BYTES <= bytes.length;) {
    const record = bytes.subarray(at, at + body);
    if (crc32(record) !== bytes.readUInt32LE(at + body)) {
      at++; // half a record lies here: the next whole one begins somewhere behind it
      continue;
    }
    known.set(
      record.toString('latin1', 0, KEY_BYTES),
      new Float32Array(record.buffer.slice(record.byteOffset + KEY_BYTES, record.byteOffset + body)),
    );
    at += body + SUM_BYTES;
  }
  return known;
}
