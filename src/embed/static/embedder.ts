/**
 * The embedder that needs no runtime: a table of token vectors. Small inputs are embedded where the call is made, in slices that leave the
 * event loop free in between; large ones by a worker thread that shares the table's memory.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { aborted } from '../../../lib/calls.js';
import { QuiverError, wrongArgument } from '../../../lib/errors.js';
import { allocateVectors } from '../allocate.js';
import { checkEmbedOptions } from '../check.js';
import type { EmbedOptions, Embedder } from '../embedder.js';
import { progressReporter } from '../progress.js';
import { type Cut, batchesOf } from './batches.js';
import { Encoder } from './encoder.js';
import { readStaticModel, type StaticModel } from './folder.js';
import { type EmbedThread, startThread } from './thread.js';

/** How long the event loop is held at a time. */
const SLICE_MS = 1;
/** UTF-16 units between two looks at the clock: far less than a slice. */
const STEP_UNITS = 4096;
/** Batches that the thread has at a time: one that it works on, and one that waits. */
const IN_FLIGHT = 2;

/** The folder of the model that comes with the package. */
export function defaultModelFolder(): string {
  return fileURLToPath(new URL('../../../../models/quiver-static-256', import.meta.url));
}

export class StaticEmbedder implements Embedder {
  readonly model: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly hybridWeight: number;
  private readonly source: StaticModel;
  private thread: EmbedThread | undefined;
  private readonly running = new Set<Promise<unknown>>();
  private calls = 0;
  private closed = false;

  constructor(source: StaticModel) {
    this.source = source;
    this.model = source.info.name;
    this.fingerprint = source.fingerprint;
    this.dim = source.info.dim;
    this.hybridWeight = source.info.hybridWeight;
  }

  /**
   * One vector of length 1 a text, whole texts however long. A text without tokens (empty, or only spaces) gets a vector of zeros. Lone
   * surrogates are left out. Errors: E_ARGUMENT, E_ABORTED, E_CLOSED, E_OUT_OF_MEMORY.
   */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    checkEmbedOptions(options);
    // What is in it is checked as it is read: looking through millions of texts at once would hold the event loop.
    if (!Array.isArray(texts)) throw wrongArgument('texts', 'an array of strings', texts);
    if (this.closed) throw new QuiverError('E_CLOSED', `The model ${this.model} was closed. Open it again to embed.`);
    const work = this.run(texts, options);
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  /** Waits for the calls that run. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.running);
    await this.thread?.close();
  }

  private async run(texts: readonly string[], options: EmbedOptions): Promise<Float32Array> {
    const out = allocateVectors(texts.length, this.dim);
    const report = progressReporter('embed', texts.length, options);
    const cuts = batchesOf(texts);
    const first = cuts.next().value;
    if (first === undefined || first.ended === texts.length) {
      if (first !== undefined) await this.inline(first, out, options, report);
    } else {
      await this.threaded(first, cuts, out, options, report);
    }
    report(texts.length);
    return out;
  }

  private async inline({ texts }: Cut, out: Float32Array, { signal }: EmbedOptions, report: (done: number) => void) {
    const encoder = new Encoder(this.source.table);
    let began = performance.now();
    const pause = async (done: number): Promise<void> => {
      report(done);
      await nextTurn();
      if (signal?.aborted === true) throw aborted(signal);
      began = performance.now();
    };
    let units = 0;
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i];
      encoder.begin(text);
      for (let more = true; more;) {
        more = encoder.advance(STEP_UNITS);
        units += Math.min(text.length, STEP_UNITS) + 64;
        if (units < STEP_UNITS) continue;
        units = 0;
        if (performance.now() - began > SLICE_MS) await pause(i);
      }
      encoder.finish(out, i * this.dim);
    }
  }

  private async threaded(
    first: Cut,
    rest: Iterable<Cut>,
    out: Float32Array,
    { signal }: EmbedOptions,
    report: (done: number) => void,
  ): Promise<void> {
    const call = ++this.calls;
    const thread = (this.thread ??= startThread(this.source.table, () => (this.thread = undefined)));
    const flying: Promise<void>[] = [];
    const send = ({ first: from, ended, texts, continued, open }: Cut): void => {
      const done = thread.run({ call, texts, continued, open }).then((vectors) => {
        out.set(vectors, from * this.dim);
        report(from + ended);
      });
      // Awaited below, in order; a later one that fails first must not count as unhandled.
      done.catch(() => undefined);
      flying.push(done);
    };
    try {
      send(first);
      for (const cut of rest) {
        send(cut);
        // A turn between two batches, also while the thread has room.
        await (flying.length < IN_FLIGHT ? nextTurn() : flying.shift());
        if (signal?.aborted === true) throw aborted(signal);
      }
      await Promise.all(flying);
      if (signal?.aborted === true) throw aborted(signal);
    } catch (error) {
      thread.forget(call);
      throw error;
    }
  }
}

/** Opens the model that comes with the package, or the one in `folder`. Errors: E_NOT_FOUND, E_IO, E_CORRUPT, E_VERSION. */
export async function openStaticEmbedder(folder: string = defaultModelFolder()): Promise<StaticEmbedder> {
  return new StaticEmbedder(await readStaticModel(folder));
}
