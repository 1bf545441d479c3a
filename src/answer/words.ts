/** The words of a text that carry its meaning, compared by their stems. */
import { LRUCache } from 'lru-cache';
import { stemmer } from 'stemmer';

/** English words that say nothing about the subject of a question. */
const COMMON = new Set(
  (
    'a about above after again all also am an and any are as at be because been before being below between both but by can ' +
    'cannot could did do does doing done down during each few for from further get give had has have having he her here hers ' +
    'him his how i if in into is it its itself just let like many me more most much must my no nor not of off on once only or ' +
    'other our out over own please same shall she should show so some such tell than that the their them then there these ' +
    'they this those through to too under until up us use used uses using very was we were what when where which while who ' +
    'whom whose why will with would you your'
  ).split(' '),
);

const WORD = /[\p{L}\p{N}][\p{L}\p{M}\p{N}]*/gu;

/** A stem costs more than a look-up, and the words of a language come again and again. */
const STEMS_KEPT = 20_000;
const LONGEST_KEPT = 32;
const known = new LRUCache<string, string>({ max: STEMS_KEPT });

function stem(word: string): string {
  if (word.length > LONGEST_KEPT) return stemmer(word);
  let found = known.get(word);
  if (found === undefined) {
    found = stemmer(word);
    known.set(word, found);
  }
  return found;
}

function words(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

/** Stems of all words. */
export function stems(text: string): Set<string> {
  return new Set(words(text).map(stem));
}

/** Stems of the words that matter; of all words when none does. */
export function keyStems(text: string): Set<string> {
  const all = words(text);
  const key = all.filter((word) => !COMMON.has(word));
  return new Set((key.length > 0 ? key : all).map(stem));
}
