/**
 * One search within one state of the database: the words' candidates meet those of the vector index, both get both scores, and the best
 * become hits.
 */
import type Database from 'better-sqlite3';
import type { Hit } from '../backend.js';
import { fuseRanks, fuseScores, orderOf, type Spread } from '../fusion.js';
import { diversify } from '../mmr.js';
import { MAX_REACH, type SearchPlan } from '../request.js';
import { exactCosines, gather, type Candidates } from './candidates.js';
import type { Corpus } from './corpus.js';
import { CosineSpread, dot } from './cosine-spread.js';
import type { Keywords, KeywordSearch } from './keywords.js';
import type { Bounds, NearIndex } from './near-index.js';
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
import { snippetsOf } from './snippet.js';
import { damaged } from './sums.js';
import type { Tokenizer } from './tokenizer.js';
import type { VectorRows } from './vector-rows.js';

/** Candidates of each part. With fewer, chunks that are good in both parts and best in none are missed. */
const POOL = 200;
const POOL_GROWTH = 4;
/** The true cosine is taken of twice the hits wanted and some more: enough that none of them changes places unseen. */
const EXACT_MORE = 20;
/** MMR looks at so many times as many candidates as there are hits wanted, within bounds. */
const MMR = { factor: 4, least: 50, most: 400 };

/** What all searches of one reader share; `rows` are those of the model in use. */
export interface Parts {
  db: Database.Database;
  corpus: Corpus;
  keywords: KeywordSearch;
  near: NearIndex;
  rows: VectorRows;
  tokenizer: Tokenizer;
}

interface Question {
  plan: SearchPlan;
  keywords: Keywords | undefined;
  ofCosines: Spread;
}

export class Retriever {
  readonly #parts: Parts;
  readonly #cosines: CosineSpread;
  readonly #chunk: Database.Statement<[number], ChunkRow>;
  readonly #document: Database.Statement<[number], DocumentRow>;
  readonly #documentOf: Database.Statement<[number], number>;

  constructor(parts: Parts) {
    const { db, corpus, rows } = parts;
    this.#parts = parts;
    this.#cosines = new CosineSpread(corpus, rows);
    this.#chunk = db.prepare(selectChunks('WHERE id = ?'));
    this.#document = db.prepare(selectDocuments('WHERE number = ?'));
    this.#documentOf = db.prepare<[number], number>('SELECT document FROM chunks WHERE id = ?').pluck();
  }

  /** To be called within a read transaction, after corpus.sync(). */
  retrieve(plan: SearchPlan, bounds: Bounds): Hit[] {
    const { mode, vector, text, offset, k, fusion } = plan;
    const question: Question = {
      plan,
      keywords: text === undefined ? undefined : this.#parts.keywords.score(text),
      ofCosines:
        mode === 'hybrid' && fusion === 'score' && vector !== undefined
          ? this.#cosines.of(vector)
          : { mean: 0, deviation: 0 },
    };
    const wanted = plan.lambda === undefined ? offset + k : mmrPool(offset + k);
    // The same for all pages of the first two hundred hits, so that they join.
    let pool = mode === 'hybrid' ? Math.ceil(wanted / POOL) * POOL : wanted;
    for (;;) {
      const { hits, short } = this.#attempt(question, bounds, pool);
      if (!short || pool >= MAX_REACH) return hits();
      pool = Math.min(pool * POOL_GROWTH, MAX_REACH);
    }
  }

  /** `short`: fewer hits than wanted, and a larger pool may hold more. */
  #attempt(question: Question, bounds: Bounds, pool: number): { hits: () => Hit[]; short: boolean } {
    const { plan, keywords } = question;
    const { corpus, near, rows } = this.#parts;
    const bm25 = keywords === undefined ? undefined : this.#parts.keywords.bm25;
    const candidates = gather({ corpus, near, bm25 }, plan, pool, bounds);
    const wanted = plan.offset + plan.k;
    if (plan.vector !== undefined) {
      const first = near.whole ? 2 * wanted + EXACT_MORE : candidates.ids.length;
      const places = candidates.cosines.some(Number.isNaN)
        ? [...candidates.ids.keys()]
        : orderOf(scoresOf(question, candidates)).slice(0, first);
      exactCosines(candidates, plan.vector, rows, places);
    }
    const scores = scoresOf(question, candidates);
    const order = orderOf(scores).filter(
      (at) => scores[at] >= plan.minScore && (plan.vector === undefined || candidates.cosines[at] >= plan.minCosine),
    );
    const chosen = this.#choose(plan, candidates, scores, order);
    // Where a threshold has cut some off, what a larger pool would bring lies below it too.
    const cut = order.length < candidates.ids.length;
    return {
      short: chosen.length < wanted && !candidates.all && !cut,
      hits: () => this.#hits(question, candidates, scores, chosen.slice(plan.offset, wanted)),
    };
  }

  /** The places of the hits, best first, up to the end of the page. */
  #choose(plan: SearchPlan, candidates: Candidates, scores: Float64Array, order: number[]): number[] {
    const wanted = plan.offset + plan.k;
    let places = order;
    if (plan.lambda !== undefined) {
      places = this.#diversify(candidates, scores, order.slice(0, mmrPool(wanted)), plan.lambda);
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

  #diversify({ ids }: Candidates, scores: Float64Array, places: number[], lambda: number): number[] {
    const { rows } = this.#parts;
    const vectors = new Float32Array(places.length * rows.dim);
    places.forEach((at, i) => rows.read(ids[at], vectors, i * rows.dim));
    const similarity = (a: number, b: number): number => dot(vectors, a * rows.dim, vectors, b * rows.dim, rows.dim);
    const relevance = places.map((at) => scores[at]);
    return diversify(relevance, similarity, lambda, places.length).map((i) => places[i]);
  }

  #hits({ plan, keywords }: Question, candidates: Candidates, scores: Float64Array, places: readonly number[]): Hit[] {
    const chunks = places.map((at) => this.#readChunk(candidates.ids[at]));
    const weights = keywords?.weights ?? new Map<string, number>();
    const snippets = snippetsOf(chunks, weights, plan.snippet, this.#parts.tokenizer);
    return places.map((at, i) => ({
      document: namedOf(this.#readDocument(chunks[i])),
      chunk: chunkOf(chunks[i]),
      score: scores[at],
      parts: {
        ...(plan.vector !== undefined && { cosine: candidates.cosines[at] }),
        ...(keywords !== undefined && { bm25: candidates.words[at] }),
      },
      snippet: snippets[i],
    }));
  }

  #readChunk(id: number): ChunkRow {
    const { db } = this.#parts;
    const chunk = this.#chunk.get(id);
    if (chunk === undefined) throw damaged(db.name, `chunk ${String(id)}, which is missing,`);
    checkChunk(db, chunk);
    return chunk;
  }

  #readDocument(chunk: ChunkRow): DocumentRow {
    const { db } = this.#parts;
    const document = this.#document.get(chunk.document);
    if (document === undefined) throw damaged(db.name, `the document of chunk ${String(chunk.id)}, which is missing,`);
    checkDocument(db, document);
    return document;
  }
}

function mmrPool(wanted: number): number {
  return Math.max(wanted, Math.min(Math.max(wanted * MMR.factor, MMR.least), MMR.most));
}

function scoresOf({ plan, keywords, ofCosines }: Question, { cosines, near, words }: Candidates): Float64Array {
  const { mode, fusion, weight } = plan;
  if (mode === 'vector') return cosines;
  if (mode === 'keyword' || keywords === undefined) return words;
  if (fusion === 'rrf') return fuseRanks(cosines, near, words, weight);
  return fuseScores(cosines, words, ofCosines, keywords.spread, weight);
}
