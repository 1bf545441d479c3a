/** Which texts go through the model together. */

/**
 * Groups texts by a budget of tokens, padding included: short texts gain from company, long ones only wait for each other.
 * Texts of like length share a batch, so that little is padded.
 *
 * @param lengths tokens of each text
 * @param budget tokens of a batch at most; a longer text goes alone
 * @returns numbers of the texts of each batch, the longest texts first, so that too large a batch shows at once
 */
export function planBatches(lengths: readonly number[], budget: number): number[][] {
  const order = Array.from(lengths.keys()).sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0));
  const batches: number[][] = [];
  let batch: number[] = [];
  let longest = 0;
  for (const at of order) {
    if (batch.length > 0 && longest * (batch.length + 1) > budget) {
      batches.push(batch);
      batch = [];
    }
    if (batch.length === 0) longest = Math.max(1, lengths[at] ?? 1);
    batch.push(at);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
