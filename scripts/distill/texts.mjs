/** The texts that the small model is fitted on, by name. The same seed and the same package index give the same texts. */
import { join } from 'node:path';
import { readSimilaritySet } from '../../dist/src/embed/evaluate/sets.js';
import { random } from '../../dist/src/embed/fit/random.js';
import { isProse, oneLine, sentencesOf, varied, wordCount } from './clean.mjs';
import { descriptionParagraphs, geneOntology, wordnet } from './sources.mjs';
import { mixedSentences, pieceLists, wordLists } from './synthetic.mjs';

/** Words among the first of BERT's vocabulary that carry grammar rather than meaning. */
const FUNCTION_WORDS = new Set(
  (
    'a an the of in on at by for with from to into onto over under about after before between through during without within against and or but nor so yet if ' +
    'than then as because while although though when where which who whom whose what that this these those it its he she they them his her their we us our you ' +
    'your i me my is are was were be been being am do does did done has have had having can could will would shall should may might must not no ' +
    'there here very more most some any all each every both few many much such only own same other another one two also just how why'
  ).split(' '),
);

/** Most common first. @param {readonly string[]} tokens of BERT's vocabulary */
function wholeWords(tokens) {
  return tokens.filter((token) => /^[a-z]{3,}$/.test(token));
}

/**
 * @typedef {object} Texts
 * @property {string[]} synth lists of words of the vocabulary
 * @property {string[]} synth2 the same with endings
 * @property {string[]} mix real sentences with random words in them
 * @property {string[]} examples of WordNet
 * @property {string[]} go definitions and long names of the Gene Ontology
 * @property {string[]} goNames its short names
 * @property {string[]} glosses of WordNet
 * @property {string[]} pairs sentences of STS-B's train split, without their scores
 * @property {string[]} sents sentences of package descriptions
 * @property {string[]} paras paragraphs of package descriptions
 */

/**
 * @param {readonly string[]} tokens of the teacher's vocabulary
 * @param {string} data the folder of benchmarks; only sentences of STS-B's train split are taken from it
 * @returns {Promise<Texts>}
 */
export async function trainingTexts(tokens, data) {
  const pick = random(20_251);
  const words = wholeWords(tokens);
  const pieces = tokens.filter((token) => /^##[a-z]{2,}$/.test(token)).map((token) => token.slice(2));
  const synsets = await wordnet();
  const terms = await geneOntology();
  const paragraphs = await descriptionParagraphs();
  const prose = paragraphs.filter((text) => isProse(text, 12, 120));
  const paras = pick.shuffle(varied(pick.shuffle([...prose]), 4, 5));
  const sentences = pick.shuffle(paragraphs.flatMap(sentencesOf).filter((text) => isProse(text, 4, 60)));
  const sents = varied(sentences, 3, 20);
  const examples = varied(
    pick.shuffle(synsets.flatMap((synset) => synset.examples)).filter((text) => isProse(text, 3, 40)),
    3,
    20,
  );
  const glosses = varied(
    pick.shuffle(synsets.filter(({ definition }) => isProse(definition, 3, 60)).map(glossText)),
    4,
    20,
  );
  const go = varied(pick.shuffle(terms.flatMap(termTexts).filter((text) => isProse(text, 3, 60))), 4, 20);
  const mixable = [...sents.slice(60_000), ...examples.filter((text) => text.split(' ').length >= 6)];
  return {
    synth: wordLists(words, { times: 6, least: 2, most: 8, random: pick }),
    synth2: pieceLists(words, pieces, { count: 30_000, random: pick }),
    mix: mixedSentences(pick.shuffle(mixable).slice(0, 24_000), {
      common: words.slice(0, 6000),
      all: words,
      functionWords: FUNCTION_WORDS,
      random: pick,
    }),
    examples,
    // Names of less than six words teach little that definitions do not.
    go: go.filter((text) => wordCount(text) >= 6),
    goNames: go.filter((text) => wordCount(text) < 6),
    glosses,
    pairs: await pairSentences(join(data, 'stsb')),
    sents: sents.slice(0, 45_000),
    paras: paras.slice(0, 11_000),
  };
}

/** Sentences of the train split that neither dev nor test has: some captions are in several. @param {string} folder */
async function pairSentences(folder) {
  const sentences = async (/** @type {string} */ split) => {
    const { first, second } = await readSimilaritySet(join(folder, `${split}.jsonl`));
    return [...first, ...second];
  };
  const measured = new Set([...(await sentences('dev')), ...(await sentences('test'))].map(plain));
  return [...new Set(await sentences('train'))].filter((sentence) => !measured.has(plain(sentence)));
}

/** @param {string} sentence letters and digits alone */
function plain(sentence) {
  return sentence
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}

/** @param {import('./sources.mjs').Synset} synset */
function glossText({ words, definition }) {
  return `${words.slice(0, 2).join(', ')}: ${definition}`;
}

/** @param {{ term: string, definition: string, synonyms: string[] }} term */
function termTexts({ term, definition, synonyms }) {
  const text = oneLine(definition.replace(/^(Catalysis of the reaction|OBSOLETE\.?)[: ].*/, ''));
  return [text, [term, ...synonyms.slice(0, 2)].join(', ')];
}

/**
 * Lists in which words that the teacher splits stand beside words that it knows.
 *
 * @param {readonly string[]} words that it splits
 * @param {readonly string[]} tokens of the teacher's vocabulary
 * @param {{ times: number, seed: number }} options how often each word comes
 */
export function rareWordLists(words, tokens, { times, seed }) {
  const pick = random(seed);
  const known = wholeWords(tokens);
  const texts = [];
  for (let time = 0; time < times; time++) {
    const order = pick.shuffle([...words]);
    for (let from = 0; from < order.length;) {
      const count = 1 + pick.below(3);
      const list = order.slice(from, from + count);
      from += count;
      for (let more = pick.below(5); more > 0; more--) list.push(String(known[pick.below(known.length)]));
      texts.push(pick.shuffle(list).join(' '));
    }
  }
  return texts;
}
