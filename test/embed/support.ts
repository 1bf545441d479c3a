/** What the tests of embed/ share: the reference tokenizer, a tiny model, texts. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer as Reference } from 'tokenizers';

import { fails, random, type Failure } from '../lib/support.js';
import { defaultModelFolder } from '../../src/embed/static/embedder.js';

export { fails, random, type Failure };

/** The real tokenizer of BERT's uncased models, over any vocabulary, without special tokens. */
export function reference(tokens: readonly string[]): (texts: string[]) => Promise<number[][]> {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const file = {
    version: '1.0',
    added_tokens: [],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
  const tokenizer = Reference.fromString(JSON.stringify(file));
  return async (texts) => (await tokenizer.encodeBatch(texts)).map((encoding) => encoding.getIds());
}

/** Folders that are gone after the suite. */
export function folders(): { make: () => string; copyOfModel: () => string } {
  const made: string[] = [];
  after(() => made.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  const make = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'quiver-embed-'));
    made.push(folder);
    return folder;
  };
  const copyOfModel = (): string => {
    const folder = make();
    cpSync(defaultModelFolder(), folder, { recursive: true });
    return folder;
  };
  return { make, copyOfModel };
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let [both, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    both += value * b[i];
    aa += value * value;
    bb += b[i] ** 2;
  });
  return both / Math.sqrt(aa * bb);
}
