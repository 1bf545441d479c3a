import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';

import { defaultModelFolder } from '../../../src/embed/static/embedder.js';
import { Tokenizer } from '../../../src/embed/static/tokenizer.js';
import { Vocabulary } from '../../../src/embed/static/vocabulary.js';
import { needShared } from '../../support/skip.js';
import { fails, random, reference } from '../support.js';

const tokens = readFileSync(join(defaultModelFolder(), 'vocabulary.txt'), 'utf8').trimEnd().split('\n');

/** Parts that texts are glued from: words, endings, marks, spaces of all kinds, and scripts with rules of their own. */
const PARTS = [
  ...['the', 'running', 'unaffable', 'Größe', 'naïve', 'Ångström', 'İstanbul', 'ΣΊΣΥΦΟΣ', 'straße', 'ﬁne', 'Ⅷ', 'x²'],
  ...[
    'co-operate',
    "don't",
    'e.g.',
    '3,141.59',
    '#tag',
    'user@example.com',
    '$5',
    'a_b',
    '[UNK]',
    '[SEP]',
    '##ing',
    '\u2122',
  ],
  ...[
    ' ',
    '  ',
    '\t',
    '\n',
    '\r\n',
    '\u00a0',
    '\u2003',
    '\u3000',
    '\u2028',
    '\u000b',
    '\u0085',
    '\u200b',
    '\u00ad',
    '\ufeff',
    '\u0000',
  ],
  ...[
    '漢字',
    '東京タワー',
    'ひらがな',
    '한국어',
    '각',
    '\uf900',
    '𠀀',
    '𪜀',
    'السلام',
    'עִבְרִית',
    'हिन्दी',
    'ไทย',
    'русский',
    'ё',
    '\u0439',
  ],
  ...[
    '👍',
    '👩‍💻',
    '🇩🇪',
    '☃',
    '€',
    '…',
    '—',
    '“',
    '”',
    '¿',
    '·',
    '※',
    '\ufffd',
    'e\u0301',
    'q\u0307\u0323',
    '\u0301',
    '\u037e',
    '\u1fef',
  ],
  ...['a'.repeat(99), 'b'.repeat(100), 'c'.repeat(101), '𝒜'.repeat(60), 'z'.repeat(300), 'zqxj'.repeat(20)],
];

async function same(
  tokenizer: Tokenizer,
  encode: (texts: string[]) => Promise<number[][]>,
  texts: string[],
): Promise<void> {
  const wanted = await encode(texts);
  texts.forEach((text, i) => assert.deepEqual([...tokenizer.encode(text)], wanted[i], JSON.stringify(text)));
}

describe('embed/static: the tokenizer', () => {
  const tokenizer = new Tokenizer(Vocabulary.of(tokens));
  const encode = reference(tokens);

  it('agrees with the real one on each part, alone and inside a word', async () => {
    await same(tokenizer, encode, PARTS);
    await same(
      tokenizer,
      encode,
      PARTS.map((part) => `ab${part}cd ${part}${part}`),
    );
  });

  it('agrees with the real one on any mixture of parts', async () => {
    const text = fc.array(fc.constantFrom(...PARTS), { maxLength: 30 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => same(tokenizer, encode, texts)),
      { numRuns: 200 },
    );
  });

  it('agrees with the real one on any ASCII', async () => {
    const texts = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 60 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(texts, (list) => same(tokenizer, encode, list)),
      { numRuns: 200 },
    );
  });

  it('agrees with the real one on tokens glued together, where the greedy match matters', async () => {
    const next = random(5);
    const piece = (): string => tokens[Math.floor(next() * tokens.length)].replace(/^##/, '');
    const texts = Array.from({ length: 5000 }, () =>
      Array.from({ length: 1 + Math.floor(next() * 4) }, piece).join(''),
    );
    await same(tokenizer, encode, texts);
  });

  // Newer characters differ, since the reference has the character classes of an older Unicode.
  for (const [first, last] of [
    [0, 0x5ff],
    [0x1e00, 0x206f],
    [0x20a0, 0x20b9],
    [0x2100, 0x23ff],
    [0x3000, 0x30ff],
    [0x4e00, 0x9fcc],
    [0xac00, 0xd7a3],
    [0xf900, 0xfad9],
    [0xff00, 0xffef],
    [0x1f300, 0x1f5ff],
  ] as const) {
    it(`agrees with the real one on each character from U+${first.toString(16)} to U+${last.toString(16)}`, async () => {
      const texts: string[] = [];
      for (let point = first; point <= last; point++) {
        const character = String.fromCodePoint(point);
        texts.push(`${character} a${character}b`);
      }
      await same(tokenizer, encode, texts);
    });
  }

  it("agrees with the teacher's own file, with its own vocabulary", async function () {
    const file = needShared(this, 'models', 'all-MiniLM-L6-v2-int8', 'tokenizer.json');
    const { model } = JSON.parse(readFileSync(file, 'utf8')) as { model: { vocab: Record<string, number> } };
    const all: string[] = [];
    for (const [token, id] of Object.entries(model.vocab)) all[id] = token;
    const theirs = reference(all);
    const lines = readFileSync(join(import.meta.dirname, '../../../../docs/architecture.md'), 'utf8').split('\n');
    await same(new Tokenizer(Vocabulary.of(all)), theirs, [...PARTS, ...lines]);
  });

  it('gives the same tokens read in steps and in parts as at once', () => {
    const text = fc.array(fc.constantFrom(...PARTS), { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), fc.nat(), (whole, step, cut) => {
        let border = Math.min(cut % (whole.length + 1), whole.length);
        if ((whole.charCodeAt(border - 1) & 0xfc00) === 0xd800) border--;
        const found: number[] = [];
        const take = (): void => void found.push(...tokenizer.ids.subarray(0, tokenizer.count));
        const read = (): void => {
          for (let more = true; more;) {
            more = tokenizer.advance(step);
            take();
          }
        };
        tokenizer.begin(whole.slice(0, border));
        read();
        tokenizer.goOn(whole.slice(border));
        read();
        tokenizer.end();
        take();
        assert.deepEqual(found, [...tokenizer.encode(whole)]);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves lone surrogates out', () => {
    const wanted = [...tokenizer.encode('hello world')];
    for (const text of ['hel\ud800lo world', '\udc00hello world', 'hello world\ud83d', 'hello\udfff\udfff world']) {
      assert.deepEqual([...tokenizer.encode(text)], wanted, JSON.stringify(text));
    }
  });

  it('holds more tokens than it made room for', () => {
    const [hello] = tokenizer.encode('hello');
    const found = tokenizer.encode('hello '.repeat(5000));
    assert.equal(found.length, 5000);
    assert.ok(found.every((id) => id === hello));
  });
});

describe('embed/static: the vocabulary', () => {
  it('finds each of its tokens, and only those', () => {
    const list = ['[UNK]', 'a', '##a', 'ab', '##ab', 'abc', 'é'];
    const tokenizer = new Tokenizer(Vocabulary.of(list));
    assert.deepEqual([...tokenizer.encode('a ab abc aab x')], [1, 3, 5, 1, 4, 0]);
  });

  it('refuses a token that is given twice', () =>
    fails(() => Vocabulary.of(['[UNK]', 'a', 'a']), {
      code: 'E_CORRUPT',
      message: 'Token 2 of the vocabulary must be new and not empty, but is "a".',
      expected: 'each token once',
      actual: '"a" again',
    }));

  for (const token of ['', '##']) {
    it(`refuses the token "${token}"`, () =>
      fails(() => Vocabulary.of(['[UNK]', token]), {
        code: 'E_CORRUPT',
        message: `Token 1 of the vocabulary must be new and not empty, but is "${token}".`,
        expected: 'each token once',
        actual: `"${token}" again`,
      }));
  }

  it('refuses to do without the unknown token', () =>
    fails(() => Vocabulary.of(['a', 'b']), {
      code: 'E_CORRUPT',
      message: 'The vocabulary must hold [UNK], but does not.',
      expected: '[UNK]',
      actual: '2 other tokens',
    }));
});
