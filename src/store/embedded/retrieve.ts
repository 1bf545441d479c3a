/**
 * One search within one state of the database: the words' candidates meet those that the vector index found, both get both scores, and
 * the best become hits.
 */
import type Database from 'better-sqlite3';
import type { Hit } from '../backend.js';
import { fuseRanks, fuseScores, orderOf } from '../fusion.js';
import { diversify } from '../mmr.js';
import type { SearchPlan } from '../request.js';
import type { Corpus } from './corpus.js';
import { CosineSpread, dot } from './cosine-spread.js';
import { hasBit, type FilterBits } from './filters.js';
import type { Keywords, KeywordSearch } from './keywords.js';
import {
  checkChunk,
  checkDocument,
  chunkOf,
  namedOf,
  selectChunks,
  selectDocuments,
  type ChunkRow,
  type DocumentRow,
} from './rows.js';
import { snippetOf } from './snippet.js';
import { damaged } from './sums.js';
import type { Tokenizer } from './tokenizer.js';
import { topIds } from './top.js';
import type { VectorRows } from './vector-rows.js';

export interface RetrieveInput {
  plan: SearchPlan;
  /** What the vector index found, best first. */
  near: Float64Array;
  /** Whether the index has no more than these. */
  allNear: boolean;
  /** Candidates wanted of each part. */
  pool: number;
}

export interface Retrieved {
  hits: Hit[];
  /** Fewer hits than asked for, and a larger pool may hold more. */
  short: boolean;
}

interface Candidates {
  ids: number[];
  cosines: Float64Array;
  words: Float64Array;
  /** `ids.length * dim` floats where there is a vector. */
  vectors: Float32Array;
  keywords?: Keywords;
  /** No more could be found with a larger pool. */
  all: boolean;
}

/** MMR looks at this many times as many candidates as there are hits wanted, within bounds. */
const MMR_FACTOR = 4;
const MMR_POOL = { min: 50, max: 400 };

export class Retriever {
  readonly #db: Database.Database;
  readonly #corpus: Corpus;
  readonly #words: KeywordSearch;
  readonly #filters: FilterBits;
  readonly #rows: VectorRows;
  readonly #cosines: CosineSpread;
  readonly #tokenizer: Tokenizer;
  readonly #chunk: Database.Statement<[number], ChunkRow>;
  readonly #document: Database.Statement<[number], DocumentRow>;
  readonly #documentOf: Database.Statement<[number], number>;

  constructor(
    db: Database.Database,
    corpus: Corpus,
    words: KeywordSearch,
    filters: FilterBits,
    rows: VectorRows,
    tokenizer: Tokenizer,
  ) {
    this.#db = db;
    this.#corpus = corpus;
    this.#words = words;
    this.#filters = filters;
    this.#rows = rows;
    this.#cosines = new CosineSpread(corpus, rows);
    this.#tokenizer = tokenizer;
    this.#chunk = db.prepare(selectChunks('WHERE id = ?'));
    this.#document = db.prepare(selectDocuments('WHERE number = ?'));
    this.#documentOf = db.prepare<[number], number>('SELECT document FROM chunks WHERE id = ?').pluck();
  }

  /** To be called within a read transaction, after corpus.sync(). */
  retrieve(input: RetrieveInput, nextDocument: number): Retrieved {
    const { plan } = input;
    const bits = plan.filter === undefined ? undefined : this.#filters.of(plan.filter, nextDocument);
    const candidates = this.#candidates(input, bits);
    const { scores, order } = this.#rank(plan, candidates);
    const chosen = this.#choose(plan, candidates, scores, order);
    const wanted = plan.offset + plan.k;
    const hits = chosen.slice(plan.offset, wanted).map((at) => this.#hit(plan, candidates, scores, at));
    // Where a threshold has cut some off, what a larger pool would bring lies below it too.
    const cut = order.length < candidates.ids.length;
    return { hits, short: chosen.length < wanted && !candidates.all && !cut };
  }

  #candidates({ plan, near, allNear, pool }: RetrieveInput, bits: Uint8Array | undefined): Candidates {
    const { lengths } = this.#corpus;
    const alive = (id: number): boolean => (lengths[id] ?? 0) > 0 && (bits === undefined || hasBit(bits, id));
    const ids = new Set<number>();
    for (const id of near) if (alive(id)) ids.add(id);
    let keywords: Keywords | undefined;
    let all = plan.vector === undefined || allNear;
    const { bm25 } = this.#words;
    if (plan.text !== undefined) {
      keywords = this.#words.score(plan.text);
      const found = bits === undefined ? bm25.found : bm25.found.filter((id) => hasBit(bits, id));
      all &&= found.length <= pool;
      for (const id of topIds(found, (id) => bm25.of(id), pool)) ids.add(id);
    }
    // In the order of their numbers, so that equal scores are in the order in which the chunks came in.
    const sorted = [...ids].sort((a, b) => a - b);
    const { dim } = this.#rows;
    const vectors = new Float32Array(plan.vector === undefined ? 0 : sorted.length * dim);
    const cosines = new Float64Array(sorted.length);
    const { vector } = plan;
    if (vector !== undefined) {
      sorted.forEach((id, i) => {
        this.#rows.read(id, vectors, i * dim);
        cosines[i] = Math.max(-1, Math.min(1, dot(vector, 0, vectors, i * dim, dim)));
      });
    }
    const words = Float64Array.from(sorted, (id) => (keywords === undefined ? 0 : bm25.of(id)));
    return { ids: sorted, cosines, words, vectors, all, ...(keywords !== undefined && { keywords }) };
  }

  #rank(plan: SearchPlan, candidates: Candidates): { scores: Float64Array; order: number[] } {
    const scores = this.#scores(plan, candidates);
    const order = orderOf(scores).filter(
      (at) =>
        scores[at] >= plan.minScore &&
        candidates.cosines[at] >= (plan.vector === undefined ? -Infinity : plan.minCosine),
    );
    return { scores, order };
  }

  #scores({ mode, vector, fusion, weight }: SearchPlan, { cosines, words, keywords }: Candidates): Float64Array {
    if (mode === 'vector' || vector === undefined) return mode === 'keyword' ? words : cosines;
    if (fusion === 'rrf') return fuseRanks(cosines, words, weight);
    const ofWords = keywords?.spread ?? { mean: 0, deviation: 0 };
    return fuseScores(cosines, words, this.#cosines.of(vector), ofWords, weight);
  }

  /** The places of the hits, best first, up to the end of the page. */
  #choose(plan: SearchPlan, candidates: Candidates, scores: Float64Array, order: number[]): number[] {
    const wanted = plan.offset + plan.k;
    let places = order;
    if (plan.lambda !== undefined) {
      const pool = Math.min(Math.max(wanted * MMR_FACTOR, MMR_POOL.min), Math.max(MMR_POOL.max, wanted));
      places = this.#diversify(candidates, scores, order.slice(0, pool), plan.lambda);
    }
    if (plan.perDocument === Infinity) return places.slice(0, wanted);
    const taken = new Map<number, number>();
    const chosen: number[] = [];
    for (const at of places) {
      const document = this.#documentOf.get(candidates.ids[at]) ?? -1;
      const before = taken.get(document) ?? 0;
      if (before >= plan.perDocument) continue;
      taken.set(document, before + 1);
      chosen.push(at);
      if (chosen.length === wanted) break;
    }
    return chosen;
  }

  #diversify(candidates: Candidates, scores: Float64Array, places: number[], lambda: number): number[] {
    const { dim } = this.#rows;
    let { vectors } = candidates;
    if (vectors.length === 0) {
      // A search by words alone; unlike one another is still a matter of vectors.
      vectors = new Float32Array(candidates.ids.length * dim);
      for (const at of places) this.#rows.read(candidates.ids[at], vectors, at * dim);
    }
    const similarity = (a: number, b: number): number => dot(vectors, places[a] * dim, vectors, places[b] * dim, dim);
    const picked = diversify(
      places.map((at) => scores[at]),
      similarity,
      lambda,
      places.length,
    );
    return picked.map((i) => places[i]);
  }

  #hit(plan: SearchPlan, candidates: Candidates, scores: Float64Array, at: number): Hit {
    const id = candidates.ids[at];
    const chunk = this.#chunk.get(id);
    if (chunk === undefined) throw damaged(this.#db.name, `chunk ${String(id)}, which is missing,`);
    checkChunk(this.#db, chunk);
    const document = this.#document.get(chunk.document);
    if (document === undefined) throw damaged(this.#db.name, `the document of chunk ${String(id)}, which is missing,`);
    checkDocument(this.#db, document);
    const weights = candidates.keywords?.weights ?? new Map<string, number>();
    return {
      document: namedOf(document),
      chunk: chunkOf(chunk),
      score: scores[at],
      parts: {
        ...(plan.vector !== undefined && { cosine: candidates.cosines[at] }),
        ...(plan.text !== undefined && { bm25: candidates.words[at] }),
      },
      snippet: snippetOf(chunk.text, chunk.start, weights, plan.snippet, this.#tokenizer),
    };
  }
}
