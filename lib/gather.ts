/**
 * Joins single queries that are asked in the same turn of the event loop (`Promise.all(queries.map(...))`, many
 * requests handled together) into one native call. Nothing waits that a thread could begin with: the call leaves at the
 * end of the current microtask queue's turn, as it would have anyway, and only while each thread has a call of this
 * index at the end of the loop's turn. Queries of different turns meet in native/core/coalescer.
 */
import { call, native } from './calls.js';
import { QuiverError } from './errors.js';
import type { NativeFound, NativeIndex } from './native.js';
import { SearchResult } from './results.js';
import type { Underway } from './underway.js';
import { checkQuery } from './vectors.js';

const FIRST_ROOM = 16;
/** Copied at once when the block leaves, or when its results come: a millisecond at most. */
const MAX_BLOCK_FLOATS = 1 << 20;

interface Block {
  k: number;
  efSearch: number;
  nprobe: number;
  exact: boolean;
  queries: Float32Array;
  waiting: { resolve: (result: SearchResult) => void; reject: (reason: unknown) => void }[];
}

/** The room of a block that is done with it, for the next one: fresh memory costs each query a microsecond and more. */
let spare: Float32Array | undefined;

function roomFor(dim: number): Float32Array {
  const room = spare !== undefined && spare.length >= dim ? spare : new Float32Array(FIRST_ROOM * dim);
  if (room === spare) spare = undefined;
  return room;
}

let threads: number | undefined;

/** Of the library: they are set once the first search is under way. */
function threadsOf(): number {
  return (threads ??= native().system().threads);
}

function giveBack(room: Float32Array): void {
  if (spare === undefined || room.length > spare.length) spare = room;
}

export class Gather {
  readonly #native: NativeIndex;
  readonly #dim: number;
  readonly #underway: Underway;
  readonly #blocks: Block[] = [];
  /** Calls under way. */
  #asked = 0;

  constructor(native: NativeIndex, dim: number, underway: Underway) {
    this.#native = native;
    this.#dim = dim;
    this.#underway = underway;
  }

  async search(
    query: Float32Array,
    k: number,
    efSearch: number,
    nprobe: number,
    exact: boolean,
  ): Promise<SearchResult> {
    const block = this.#blockFor(k, efSearch, nprobe, exact);
    const at = block.waiting.length;
    if ((at + 1) * this.#dim > block.queries.length) {
      const larger = new Float32Array(block.queries.length * 2);
      larger.set(block.queries);
      block.queries = larger;
    }
    block.queries.set(query, at * this.#dim);
    try {
      return await new Promise((resolve, reject) => block.waiting.push({ resolve, reject }));
    } catch (error) {
      // Each caller gets an error of its own, with its own stack.
      if (!(error instanceof QuiverError)) throw error;
      if (error.code === 'E_NOT_FINITE') checkQuery(query); // says it better
      const { code, message, expected, actual, cause } = error;
      throw new QuiverError(code, message, { expected, actual, cause });
    }
  }

  #blockFor(k: number, efSearch: number, nprobe: number, exact: boolean): Block {
    for (const block of this.#blocks) {
      const same = block.k === k && block.efSearch === efSearch && block.nprobe === nprobe && block.exact === exact;
      if (same && (block.waiting.length + 1) * Math.max(this.#dim, k) <= MAX_BLOCK_FLOATS) return block;
    }
    const block: Block = { k, efSearch, nprobe, exact, queries: roomFor(this.#dim), waiting: [] };
    this.#blocks.push(block);
    void this.#underway.during(() => this.#run(block));
    return block;
  }

  async #run(block: Block): Promise<void> {
    if (this.#asked < threadsOf()) await Promise.resolve();
    else await new Promise((resolve) => setImmediate(resolve));
    this.#blocks.splice(this.#blocks.indexOf(block), 1);
    const alone = block.waiting.length === 1;
    this.#asked++;
    try {
      const found = this.#ask(block, 0, block.waiting.length);
      // Native code has its copy; several may have to be asked each by itself.
      if (alone) giveBack(block.queries);
      answer(block, await found);
      if (!alone) giveBack(block.queries);
    } catch (error) {
      if (!alone && error instanceof QuiverError && error.code === 'E_NOT_FINITE') this.#askEach(block);
      else for (const { reject } of block.waiting) reject(error);
    } finally {
      this.#asked--;
    }
  }

  /** One bad query must not fail those that it was joined with. */
  #askEach(block: Block): void {
    block.waiting.forEach((waiting, i) => {
      this.#underway
        .during(() => this.#ask(block, i, i + 1))
        .then((found) => answer({ k: block.k, waiting: [waiting] }, found), waiting.reject);
    });
  }

  #ask({ queries, k, efSearch, nprobe, exact }: Block, from: number, to: number): Promise<NativeFound> {
    const asked = queries.subarray(from * this.#dim, to * this.#dim);
    return call((_, number) => this.#native.search(number, asked, to - from, k, efSearch, nprobe, exact, 0, undefined));
  }
}

function answer({ k, waiting }: Pick<Block, 'k' | 'waiting'>, { ids, distances }: NativeFound): void {
  const alone = waiting.length === 1;
  waiting.forEach(({ resolve }, i) => {
    // Copies: one caller may transfer its result away without harm to the others.
    const [from, to] = [i * k, (i + 1) * k];
    resolve(new SearchResult(1, k, alone ? ids : ids.slice(from, to), alone ? distances : distances.slice(from, to)));
  });
}
