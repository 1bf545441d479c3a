import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { extractiveAnswer } from '../../src/answer/extractive.js';
import { sentencesOf } from '../../src/answer/sentences.js';
import { keyStems, stems } from '../../src/answer/words.js';

/** A real, if simple, embedding: counts of hashed word stems, of length 1. */
function embed(texts: readonly string[]): Promise<Float32Array> {
  const dim = 64;
  const out = new Float32Array(texts.length * dim);
  texts.forEach((text, at) => {
    const row = out.subarray(at * dim, (at + 1) * dim);
    for (const word of stems(text)) {
      let hash = 7;
      for (const char of word) hash = (Math.imul(hash, 31) + char.codePointAt(0)!) >>> 0;
      row[hash % dim] += 1;
    }
    const length = Math.hypot(...row) || 1;
    for (let i = 0; i < dim; i++) row[i] /= length;
  });
  return Promise.resolve(out);
}

const PASSAGES = [
  {
    headings: ['Install'],
    text: 'The package is installed with npm. It needs Node 20 or newer.\n\n- Prebuilt binaries exist for Linux on x64.\n- Other systems build from source.',
  },
  { text: 'Licensed under the MIT licence. See the file LICENSE for the text of the licence.' },
  { text: 'Penguins live in the south. They cannot fly, but they swim well.' },
];

describe('answer: extractive', () => {
  it('answers with sentences that stand in the passages, word for word, and cites them', async () => {
    const answer = await extractiveAnswer({ question: 'Which licence is it under?', passages: PASSAGES, embed });
    assert.equal(answer.found, true);
    assert.match(answer.text, /MIT licence\. \[2\]/);
    for (const { text, source, start, end } of answer.quotes) {
      assert.equal(PASSAGES[source - 1].text.slice(start, end), text);
    }
  });

  it('counts what the heading above a sentence says', async () => {
    const answer = await extractiveAnswer({
      question: 'How do I install it on Linux?',
      passages: PASSAGES,
      embed,
      sentences: 2,
    });
    assert.ok(answer.quotes.every(({ source }) => source === 1));
    assert.ok(answer.quotes.some(({ text }) => text === 'Prebuilt binaries exist for Linux on x64.'));
  });

  it('says so when nothing fits', async () => {
    const nothing = { text: 'Nothing that was found answers this.', quotes: [], found: false };
    assert.deepEqual(
      await extractiveAnswer({ question: 'What does a quantum sandwich cost?', passages: PASSAGES, embed }),
      nothing,
    );
    assert.deepEqual(await extractiveAnswer({ question: 'Anything?', passages: [], embed }), nothing);
    assert.deepEqual(
      await extractiveAnswer({ question: 'Anything?', passages: [{ text: '--- 1 2 3 ---' }], embed }),
      nothing,
    );
  });

  it('takes a sentence once, though passages overlap, and no more than asked for', async () => {
    const text = 'Alpha beta gamma delta epsilon. Alpha beta gamma delta epsilon!';
    const answer = await extractiveAnswer({
      question: 'alpha beta gamma',
      passages: [{ text }, { text }, ...PASSAGES],
      embed,
    });
    assert.equal(answer.quotes.length, 1);
    const one = await extractiveAnswer({ question: 'penguins swim fly', passages: PASSAGES, embed, sentences: 1 });
    assert.equal(one.quotes.length, 1);
  });

  it('orders equal sentences by passage and place', async () => {
    const passages = [{ text: 'Red apples are sweet fruit.' }, { text: 'Green apples are sour fruit.' }];
    const answer = await extractiveAnswer({ question: 'apples fruit', passages, embed });
    assert.deepEqual(
      answer.quotes.map(({ source }) => source),
      [...answer.quotes.map(({ source }) => source)].sort(),
    );
  });

  it('passes on what the embedder throws', async () => {
    const broken = () => Promise.reject(new Error('no model'));
    await assert.rejects(extractiveAnswer({ question: 'licence?', passages: PASSAGES, embed: broken }), /no model/);
  });
});

describe('answer: sentences and words', () => {
  it('ends a sentence at list items, headings and blank lines', () => {
    const text =
      '# Title of the text\nSome words go here\n\n- first item of all\n- second item of all\n1. third item of all';
    assert.deepEqual(
      sentencesOf(text).map((sentence) => sentence.text),
      ['Title of the text', 'Some words go here', 'first item of all', 'second item of all', '1. third item of all'],
    );
  });

  it('leaves out what is too short, too long or without words', () => {
    assert.deepEqual(sentencesOf('Yes. 1234567890 1234567890. ' + 'word '.repeat(200)), []);
  });

  it('takes a long text without capital letters apart at its full stops', () => {
    const text = 'the flow over a slender wing was measured in a tunnel . '.repeat(20);
    const found = sentencesOf(text);
    assert.equal(found.length, 20);
    for (const { text: said, start, end } of found) {
      assert.equal(said, 'the flow over a slender wing was measured in a tunnel .');
      assert.equal(text.slice(start, end), said);
    }
  });

  it('says where each sentence stands, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
        for (const { text: sentence, start, end } of sentencesOf(text)) assert.equal(text.slice(start, end), sentence);
      }),
    );
  });

  it('keeps the words that matter', () => {
    assert.deepEqual([...keyStems('How do I install the packages?')], ['instal', 'packag']);
    assert.deepEqual([...keyStems('What is it?')], ['what', 'is', 'it']);
    assert.deepEqual([...keyStems('')], []);
  });
});
