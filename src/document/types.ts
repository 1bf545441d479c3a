/** What a document is, from the file it came from to the collection that keeps it. Nothing here runs. */

/** Values that JSON can hold, as the metadata of documents does. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** A part of a document's text that is embedded and found as one. */
export interface Chunk {
  text: string;
  /** Where it stands in the document's text, in UTF-16 units: `text.slice(start, end)` of the document is its text. */
  start: number;
  end: number;
  /** Page of a PDF, from 1. */
  page?: number;
  /** The headings above it, from the outermost. */
  headings?: readonly string[];
}

/** A document: its whole plain text, and the chunks that point into it. */
export interface Document {
  /** Unique in a collection and stable across runs. */
  id: string;
  title?: string;
  /** What it was made from, such as `pdf` or `markdown`. */
  type?: string;
  /** Where it came from, such as a path. */
  source?: string;
  /** Changes when the source does: an unchanged source is not read again. */
  hash?: string;
  text: string;
  chunks: readonly Chunk[];
  metadata: JsonObject;
}
