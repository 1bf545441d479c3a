/**
 * Text that nobody wrote. A sentence shows the common words again and again and the rare ones never; lists of random words show each word
 * alike often, in company that does not always say the same.
 */

/** @typedef {import('../../dist/src/embed/fit/random.js').Random} Random */

/**
 * Lists of `least` to `most` random words; each word comes `times` times.
 *
 * @param {readonly string[]} words
 * @param {{ times: number, least: number, most: number, random: Random }} options
 */
export function wordLists(words, { times, least, most, random }) {
  const texts = [];
  for (let time = 0; time < times; time++) {
    const order = random.shuffle([...words]);
    for (let from = 0; from < order.length;) {
      const count = least + random.below(most - least + 1);
      texts.push(order.slice(from, from + count).join(' '));
      from += count;
    }
  }
  return texts;
}

/**
 * `count` lists in which some words carry a random ending, so that the pieces of words (`##ing`) get their examples.
 *
 * @param {readonly string[]} words
 * @param {readonly string[]} pieces without their mark
 * @param {{ count: number, random: Random }} options
 */
export function pieceLists(words, pieces, { count, random }) {
  return Array.from({ length: count }, () => {
    const length = 1 + random.below(7);
    return Array.from({ length }, () => {
      const word = String(words[random.below(words.length)]);
      return random.next() < 0.5 ? word : word + String(pieces[random.below(pieces.length)]);
    }).join(' ');
  });
}

/**
 * Real sentences, cut short, with most of their content words exchanged for random ones: the little words and the order of
 * English stay.
 *
 * @param {readonly string[]} sentences
 * @param {{ common: readonly string[], all: readonly string[], functionWords: ReadonlySet<string>, random: Random }} options
 */
export function mixedSentences(sentences, { common, all, functionWords, random }) {
  return sentences.map((sentence) => {
    const words = sentence.split(' ').slice(0, 6 + random.below(9));
    const mixed = words.map((word) => {
      const bare = word.toLowerCase().replace(/[^a-z]/g, '');
      if (functionWords.has(bare) || random.next() >= 0.6) return word;
      const from = random.next() < 0.45 ? common : all;
      return String(from[random.below(from.length)]);
    });
    return mixed.join(' ');
  });
}
