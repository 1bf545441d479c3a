/** The words of a question that carry its meaning, compared by their stems. */

/** English words that say nothing about the subject. */
const COMMON = new Set(
  (
    'a about above after again all also am an and any are as at be because been before being below between both but by can ' +
    'cannot could did do does doing done down during each few for from further get give had has have having he her here hers ' +
    'him his how i if in into is it its itself just let like me more most much must my no nor not of off on once only or other ' +
    'our out over own please same shall she should show so some such tell than that the their them then there these they this ' +
    'those through to too under until up use used uses using very was we were what when where which while who whom whose why ' +
    'will with would you your'
  ).split(' '),
);

const WORD = /[\p{L}\p{N}][\p{L}\p{M}\p{N}]*/gu;

/** Cuts the endings that English words take: enough to see that `installing` speaks of `install`. */
export function stem(word: string): string {
  let s = word;
  for (const [ending, put, least] of ENDINGS) {
    if (s.length - ending.length < least || !s.endsWith(ending)) continue;
    s = s.slice(0, s.length - ending.length) + put;
    break;
  }
  return s.length > 3 && s.endsWith('e') ? s.slice(0, -1) : s;
}

const ENDINGS: readonly (readonly [ending: string, put: string, least: number])[] = [
  ['ations', 'at', 3],
  ['ation', 'at', 3],
  ['ences', 'enc', 3],
  ['sses', 'ss', 2],
  ['ies', 'y', 2],
  ['ied', 'y', 2],
  ['ings', '', 3],
  ['ing', '', 3],
  ['edly', '', 3],
  ['ed', '', 3],
  ['ers', 'er', 3],
  ['ss', 'ss', 1],
  ['us', 'us', 1],
  ['es', 'e', 3],
  ['s', '', 3],
];

/** Stems of all words, in order. */
export function stems(text: string): string[] {
  return Array.from(text.toLowerCase().matchAll(WORD), ([word]) => stem(word));
}

/** Stems of the words that matter; of all words when none does. */
export function keyStems(text: string): Set<string> {
  const words = Array.from(text.toLowerCase().matchAll(WORD), ([word]) => word);
  const key = words.filter((word) => !COMMON.has(word));
  return new Set((key.length > 0 ? key : words).map(stem));
}
