/** From text to a vector: the sum of its tokens' rows, at length 1. Long texts are read in steps, as the tokenizer reads them. */
import type { StaticTable } from './table.js';
import { Tokenizer } from './tokenizer.js';

export class Encoder {
  readonly dim: number;
  private readonly table: StaticTable;
  private readonly tokenizer: Tokenizer;
  private readonly sum: Float64Array;

  constructor(table: StaticTable) {
    this.table = table;
    this.dim = table.dim;
    this.tokenizer = new Tokenizer(table.vocabulary);
    this.sum = new Float64Array(table.dim);
  }

  /** A new text, or its first part. */
  begin(text: string): void {
    this.tokenizer.begin(text);
    this.sum.fill(0);
  }

  /** The next part of the same text. */
  goOn(part: string): void {
    this.tokenizer.goOn(part);
  }

  /** Reads on for about `units` UTF-16 units. Returns whether the part goes on after them. */
  advance(units: number): boolean {
    const more = this.tokenizer.advance(units);
    this.addTokens();
    return more;
  }

  /** Writes the vector of the text read. A text without tokens gives zeros. */
  finish(into: Float32Array, at: number): void {
    this.tokenizer.end();
    this.addTokens();
    const { sum, dim } = this;
    let squared = 0;
    for (let d = 0; d < dim; d++) squared += (sum[d] as number) * (sum[d] as number);
    const scale = squared > 0 ? 1 / Math.sqrt(squared) : 0;
    for (let d = 0; d < dim; d++) into[at + d] = (sum[d] as number) * scale;
  }

  /** A whole text at once. */
  encode(text: string, into: Float32Array, at: number): void {
    this.begin(text);
    this.advance(text.length);
    this.finish(into, at);
  }

  private addTokens(): void {
    const { sum, dim } = this;
    const { rows, scales } = this.table;
    const { ids, count } = this.tokenizer;
    for (let t = 0; t < count; t++) {
      const id = ids[t] as number;
      const scale = scales[id] as number;
      const from = id * dim;
      for (let d = 0; d < dim; d++) sum[d] = (sum[d] as number) + scale * (rows[from + d] as number);
    }
  }
}
