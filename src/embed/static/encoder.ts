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
    for (let d = 0; d < dim; d++) squared += sum[d] * sum[d];
    const scale = squared > 0 ? 1 / Math.sqrt(squared) : 0;
    for (let d = 0; d < dim; d++) into[at + d] = sum[d] * scale;
  }

  /** A whole text at once. */
  encode(text: string, into: Float32Array, at: number): void {
    this.begin(text);
    this.advance(text.length);
    this.finish(into, at);
  }

  /** Four rows at a time: the sum is then read and written once for the four. */
  private addTokens(): void {
    const { sum, dim } = this;
    const { rows, scales } = this.table;
    const { ids, count } = this.tokenizer;
    let t = 0;
    for (; t + 4 <= count; t += 4) {
      const [a, b, c, d] = [ids[t], ids[t + 1], ids[t + 2], ids[t + 3]];
      const [scaleA, scaleB] = [scales[a], scales[b]];
      const [scaleC, scaleD] = [scales[c], scales[d]];
      const [fromA, fromB, fromC, fromD] = [a * dim, b * dim, c * dim, d * dim];
      for (let i = 0; i < dim; i++) {
        const left = scaleA * rows[fromA + i] + scaleB * rows[fromB + i];
        const right = scaleC * rows[fromC + i] + scaleD * rows[fromD + i];
        sum[i] = sum[i] + (left + right);
      }
    }
    for (; t < count; t++) {
      const id = ids[t];
      const scale = scales[id];
      const from = id * dim;
      for (let i = 0; i < dim; i++) sum[i] = sum[i] + scale * rows[from + i];
    }
  }
}
