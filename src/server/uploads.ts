/** Files that clients send: streamed to disk under names of our own, read, brought into the collection, and deleted. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { TextInput } from '../collection/types.js';
import type { Engine } from '../engine/engine.js';
import type { IngestResult } from '../engine/types.js';
import { ingest } from '../ingest/ingest.js';
import type { Documents, Failed } from '../ingest/types.js';
import { HttpError } from './failure.js';

interface Uploaded {
  /** As the client calls it, made harmless: it is shown and is part of ids, and never a path. */
  name: string;
  path: string;
}

const LONGEST_NAME = 200;

/** The last part of a name, without what could be read as a path, end a line, or turn the writing round. */
export function cleanName(name: string): string {
  const last = name.normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const plain = last.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '').trim();
  const tail = extname(plain).slice(0, 20);
  const short = plain.length > LONGEST_NAME ? plain.slice(0, LONGEST_NAME - tail.length) + tail : plain;
  const whole = short.trim();
  return /^\.*$/.test(whole) ? 'document' : whole;
}

async function store(part: MultipartFile, folder: string, number: number): Promise<Uploaded> {
  const name = cleanName(part.filename);
  const extension = /^\.[a-z0-9]{1,10}$/i.exec(extname(name))?.[0] ?? '';
  const path = join(folder, `upload-${number}${extension}`);
  await pipeline(part.file, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  if (part.file.truncated) throw new HttpError(413, 'E_RANGE', `${name} is larger than one upload may be.`);
  return { name, path };
}

export interface Progress {
  file: string;
  files: { done: number; total: number };
  documents: number;
  chunks: number;
}

export interface UploadResult extends IngestResult {
  /** Ids of the documents that are there now. */
  ids: string[];
}

export class Upload {
  readonly progress: Progress = { file: '', files: { done: 0, total: 0 }, documents: 0, chunks: 0 };
  readonly #files: Uploaded[] = [];
  readonly #ids: string[] = [];
  readonly #failures: IngestResult['failures'] = [];
  #folder: string | undefined;

  /** Takes all files of a request. What is sent is on disk before any of it is read, so that a slow client holds nothing up. */
  async receive(request: FastifyRequest): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'quiver-upload-'));
    for await (const part of request.files()) this.#files.push(await store(part, this.#folder, this.#files.length + 1));
    this.progress.files.total = this.#files.length;
    if (this.#files.length === 0)
      throw new HttpError(400, 'E_ARGUMENT', 'Expected at least one file in the upload, found none.');
  }

  async bringInto(engine: Engine, signal: AbortSignal): Promise<UploadResult> {
    const made = await engine.ingest({ texts: this.#documents(signal) }, { signal });
    const failed = new Set(this.#failures.filter(({ line }) => line === undefined).map(({ file }) => file)).size;
    const files = this.#files.length;
    return { ...made, files, failed, read: files - failed, failures: this.#failures, ids: this.#ids.sort() };
  }

  async discard(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  async *#documents(signal: AbortSignal): AsyncGenerator<TextInput, void, void> {
    const { progress } = this;
    const root = this.#folder ?? '';
    const names = new Map(this.#files.map(({ name, path }) => [basename(path), name]));
    const paths = this.#files.map(({ path }) => path);
    for await (const event of ingest(paths, { root, signal })) {
      if (event.kind === 'failed') this.#fail(event, names);
      else if (event.kind === 'document') yield* this.#rename(event, names.get(event.file) ?? event.file);
      const over = event.kind === 'document' ? event.last : event.kind === 'failed' && event.line === undefined;
      if (over) progress.files.done++;
    }
  }

  /** The name that we gave to the file stays among us. */
  #fail({ file, line, error: { code, message } }: Failed, names: ReadonlyMap<string, string>): void {
    const name = names.get(file) ?? file;
    const told = message.replaceAll(join(this.#folder ?? '', file), name).replaceAll(file, name);
    this.#failures.push({ file: name, ...(line !== undefined && { line }), error: { code, message: told } });
  }

  *#rename({ file, documents }: Documents, name: string): Generator<TextInput, void, void> {
    const { progress } = this;
    progress.file = name;
    for (const document of documents) {
      const id = `${name}${document.id.slice(file.length)}`;
      this.#ids.push(id);
      progress.documents++;
      progress.chunks += document.chunks.length;
      const title = document.title === file ? name : document.title;
      yield { ...document, id, source: name, ...(title !== undefined && { title }) };
    }
  }
}
