/** The model card: what the model is, what it was made from and how, and how good it is. */

/** @typedef {{ stsb: { dev: number, test: number }, scifact: { train: number, test: number }, cranfield: { all: number, success5: number } }} Scores */

/** @param {number} value */
const three = (value) => value.toFixed(3);

/**
 * @param {object} facts
 * @param {import('../../dist/src/embed/static/folder.js').StaticModelInfo} facts.info
 * @param {number} facts.tokens
 * @param {number} facts.least texts that a word must be in
 * @param {Record<string, number>} facts.counts texts of each set
 * @param {number} facts.kept
 * @param {import('../../dist/src/embed/fit/train.js').TrainSettings} facts.settings
 * @param {Scores} facts.scores
 * @param {Scores} facts.teacher
 * @param {string} facts.date
 */
export function modelCard({ info, tokens, least, counts, kept, settings, scores, teacher, date }) {
  const count = (/** @type {string} */ name) => Number(counts[name]).toLocaleString('en');
  const total = Object.values(counts)
    .reduce((sum, value) => sum + value, 0)
    .toLocaleString('en');
  const row = (/** @type {string} */ name, /** @type {Scores} */ s) =>
    `| ${[name, three(s.stsb.dev), three(s.stsb.test), three(s.scifact.train), three(s.scifact.test), three(s.cranfield.all), three(s.cranfield.success5)].join(' | ')} |`;
  return `# ${info.name}

A small English embedding model that needs no runtime: one vector of ${info.dim} numbers for each of ${tokens.toLocaleString('en')} tokens. The vector of a text is
the sum of its tokens' vectors, brought to length 1. It was distilled from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).

- **Use**: similarity of English texts, and as the vector half of hybrid search. **Alone it ranks below BM25**, so do not use it as the only ranker.
- It does not know word order ("dog bites man" is "man bites dog"), hardly knows negation, and knows other languages than English only by chance.
- It carries what its teacher and its texts carry, biases included.
- Version ${info.version}, made ${date} by \`npm run distill\`. Licence: MIT, as the rest of Quiver; the notices below apply.

## Scores

Measured by \`npm run distill\` on the files in this folder. Settings were chosen on STS-B dev and SciFact's train queries only; no text of a test or dev
set, and no document of SciFact or Cranfield, was used to make the model. Sentences of STS-B's train split were (not their scores), so STS-B is not a foreign domain to it.

| model | STS-B dev | STS-B test | SciFact train queries | SciFact test | Cranfield | Cranfield S@5 |
|---|---|---|---|---|---|---|
${row(info.name, scores)}
${row('teacher, int8', teacher)}

STS-B: Spearman's correlation. SciFact, Cranfield: nDCG@10 of exact dense search. S@5: share of queries with a relevant document among the first five.

## How it was made

1. **Tokens**: those of the teacher without unused ones and scripts that it knows by single letters only; and whole words that it splits, when they are in at
   least ${least} of the texts at hand. WordPiece finds them by itself, since it takes the longest match.
2. **Start**: the teacher's vector of each token alone, less the mean, in the ${info.dim} principal axes of all token vectors (not centred, so that cosines survive: they hold
   ${(kept * 100).toFixed(1)} % of the squared length), times 1e-4 / (1e-4 + the token's share of the text).
3. **Fit**: the teacher embeds ${total} texts; Adam moves the rows so that the cosine between the sum of a text's rows and the teacher's vector of it grows
   (loss 1 - cosine, ${settings.epochs} epochs, batches of ${settings.batch}, learning rate ${settings.learningRate} falling to 0; texts of go, sents and paras come twice an epoch).
4. **Store**: each row in ${info.bits} bits a number with a scale of its own.

| texts | number | what |
|---|---|---|
| synth, synth2 | ${count('synth')} + ${count('synth2')} | lists of random words of the vocabulary; some with random endings |
| synth3, synth4 | ${count('synth3')} + ${count('synth4')} | lists in which the words that the teacher splits stand beside those that it knows |
| mix | ${count('mix')} | real sentences with most content words exchanged for random ones |
| examples, glosses | ${count('examples')} + ${count('glosses')} | example sentences and definitions of WordNet 3.0 |
| go | ${count('go')} | terms and definitions of the Gene Ontology |
| pairs | ${count('pairs')} | sentences of STS-B's train split that dev and test do not have, without their scores |
| sents, paras | ${count('sents')} + ${count('paras')} | sentences and paragraphs of Debian's package descriptions |

## Notices

The licences' own words are in \`NOTICE\` and \`LICENSE-APACHE-2.0\`, beside this card: keep them with the model.

- all-MiniLM-L6-v2: Apache License 2.0, by the authors of sentence-transformers.
- WordNet 3.0: Copyright 2006 by Princeton University. All rights reserved. Used under the WordNet license.
- Gene Ontology: CC BY 4.0, the Gene Ontology Consortium (release of Debian's r-bioc-go.db).
- Package descriptions: Debian, under the licences of the packages.
- STS Benchmark: scores, which were not used, CC BY-SA 4.0; its sentences under the terms of where they come from, which \`NOTICE\` names.
`;
}
