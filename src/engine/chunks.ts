/** Words of one chunk of an answer that is there whole. */
const WORDS = 50;

/** An answer in pieces of 50 words; one after the other they are the answer again, blanks and line breaks included. */
export function* inChunks(answer: string): Generator<{ data: string; is_final: boolean }> {
  const words = answer.match(/\s*\S+/g) ?? [];
  for (let from = 0; from < words.length; from += WORDS) {
    const last = from + WORDS >= words.length;
    yield { data: words.slice(from, from + WORDS).join(''), is_final: last };
  }
  if (words.length === 0) yield { data: '', is_final: true };
}
