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

  /** Four rows at a time: the sum is then read and written once for the four. */
  private addTokens(): void {
    const { sum, dim } = this;
    const { rows, scales } = this.table;
    const { ids, count } = this.tokenizer;
    let t = 0;
    for (; t + 4 <= count; t += 4) {
      const [a, b, c, d] = [ids[t] as number, ids[t + 1] as number, ids[t + 2] as number, ids[t + 3] as number];
      const [scaleA, scaleB] = [scales[a] as number, scales[b] as number];
      const [scaleC, scaleD] = [scales[c] as number, scales[d] as number];
      const [fromA, fromB, fromC, fromD] = [a * dim, b * dim, c * dim, d * dim];
      for (let i = 0; i < dim; i++) {
        const left = scaleA * (rows[fromA + i] as number) + scaleB * (rows[fromB + i] as number);
        const right = scaleC * (rows[fromC + i] as number) + scaleD * (rows[fromD + i] as number);
        sum[i] = (sum[i] as number) + (left + right);
      }
    }
    for (; t < count; t++) {
      const id = ids[t] as number;
      const scale = scales[id] as number;
      const from = id * dim;
      for (let i = 0; i < dim; i++) sum[i] = (sum[i] as number) + scale * (rows[from + i] as number);
    }
  }
}
