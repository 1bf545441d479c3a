/** What goes between an embedder with a cache and the thread that has the database. */

/** Whose vectors: those of other models, or of a query instead of a document, are others. */
export interface Space {
  fingerprint: string;
  input: 'query' | 'document';
  dim: number;
}

export interface FindInput extends Space {
  texts: readonly string[];
}

/** What did not work. The call goes on without. */
export interface Trouble {
  /**
   * `damaged`: the file was set aside, and a new one begun. `busy`: another program holds it. `failing`: it did not work this time.
   * `unusable`: it will not work, and need not be tried again.
   */
  kind: 'damaged' | 'busy' | 'failing' | 'unusable';
  /** For people. */
  message: string;
}

export interface Found {
  /** A key a text, {@link KEY_BYTES} each: what its vector is to be kept under. */
  keys: Uint8Array;
  /** Numbers of the texts that were found, ascending. */
  at: Uint32Array;
  /** Their vectors. */
  vectors: Float32Array;
  trouble?: Trouble | undefined;
}

export interface KeepInput extends Space {
  keys: Uint8Array;
  vectors: Float32Array;
}

export interface CacheCalls {
  find(input: FindInput): Found;
  keep(input: KeepInput): { trouble?: Trouble | undefined };
  close(input: undefined): void;
}

/** A SHA-256. */
export const KEY_BYTES = 32;

export interface CacheData {
  path: string;
  maxBytes: number;
}
