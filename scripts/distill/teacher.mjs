/**
 * The large model that the small one learns from: all-MiniLM-L6-v2, weights in int8, one thread. Texts of like length go together, so
 * that little is spent on padding.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Tokenizer } from '../../dist/src/embed/static/tokenizer.js';
import { Vocabulary } from '../../dist/src/embed/static/vocabulary.js';

/** Tokens in one call, padding and special tokens included: more is no faster on one thread. */
const TOKENS_AT_ONCE = 384;

/**
 * @typedef {object} Teacher
 * @property {string} model
 * @property {string} fingerprint
 * @property {number} dim
 * @property {readonly string[]} tokens the tokens of its vocabulary
 * @property {(texts: readonly string[]) => Promise<Float32Array>} embed one vector of length 1 a text
 * @property {() => Promise<void>} close
 */

/** @param {string} folder @returns {Promise<Teacher>} */
export async function openTeacher(folder) {
  const weights = await readFile(join(folder, 'model.onnx'));
  const tokenizerFile = await readFile(join(folder, 'tokenizer.json'), 'utf8');
  /** @type {Record<string, number>} */
  const vocab = JSON.parse(tokenizerFile).model.vocab;
  /** @type {string[]} */
  const tokens = [];
  for (const [token, id] of Object.entries(vocab)) tokens[id] = token;
  const { max_seq_length: longest } = JSON.parse(await readFile(join(folder, 'sentence_bert_config.json'), 'utf8'));
  const { hidden_size: dim } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  const session = await InferenceSession.create(weights, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const tokenizer = new Tokenizer(Vocabulary.of(tokens));
  const [start, end] = [Number(vocab['[CLS]']), Number(vocab['[SEP]'])];
  const special = new Map(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((token) => [token, Number(vocab[token])]));

  /** A text that is a special token's name stands for that token, so that every token can be asked for. @param {string} text */
  const encode = (text) => {
    const whole = vocab[text];
    if (whole !== undefined && (special.has(text) || text.startsWith('##'))) return [start, whole, end];
    return [start, ...tokenizer.encode(text).subarray(0, longest - 2), end];
  };

  /** @param {number[][]} batch @param {Float32Array} into @param {readonly number[]} rows */
  const run = async (batch, into, rows) => {
    const width = Math.max(...batch.map((ids) => ids.length));
    const ids = new BigInt64Array(batch.length * width);
    const mask = new BigInt64Array(ids.length);
    batch.forEach((row, r) =>
      row.forEach((id, c) => {
        ids[r * width + c] = BigInt(id);
        mask[r * width + c] = 1n;
      }),
    );
    const shape = [batch.length, width];
    const found = await session.run({
      input_ids: new Tensor('int64', ids, shape),
      attention_mask: new Tensor('int64', mask, shape),
      token_type_ids: new Tensor('int64', new BigInt64Array(ids.length), shape),
    });
    const hidden = /** @type {Float32Array} */ (found.last_hidden_state?.data);
    batch.forEach((row, r) => {
      const at = Number(rows[r]) * dim;
      const out = into.subarray(at, at + dim);
      for (let c = 0; c < row.length; c++) {
        const from = (r * width + c) * dim;
        for (let d = 0; d < dim; d++) out[d] = Number(out[d]) + Number(hidden[from + d]);
      }
      const scale = 1 / Math.hypot(...out);
      for (let d = 0; d < dim; d++) out[d] = Number(out[d]) * scale;
    });
    for (const tensor of Object.values(found)) tensor.dispose();
  };

  return {
    model: 'all-MiniLM-L6-v2-int8',
    fingerprint: createHash('sha256').update(weights).update(tokenizerFile).digest('hex'),
    dim,
    tokens,
    async embed(texts) {
      const into = new Float32Array(texts.length * dim);
      const encoded = texts.map(encode);
      const order = encoded.map((_, i) => i).sort((a, b) => Number(encoded[a]?.length) - Number(encoded[b]?.length));
      for (let from = 0; from < order.length;) {
        let to = from;
        do to++;
        while (to < order.length && (to - from + 1) * (encoded[Number(order[to])]?.length ?? 0) <= TOKENS_AT_ONCE);
        const rows = order.slice(from, to);
        await run(
          rows.map((i) => encoded[i] ?? []),
          into,
          rows,
        );
        from = to;
      }
      return into;
    },
    close: () => session.release(),
  };
}
