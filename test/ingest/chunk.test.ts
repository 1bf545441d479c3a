import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { isCharacterBorder } from '../../src/ingest/borders.js';
import { chunkText } from '../../src/ingest/chunk.js';
import type { Chunk } from '../../src/document/types.js';
import type { ErrorCode } from '../../lib/index.js';
import { fails } from '../lib/support.js';

/** Texts with all that makes cutting hard: marks, emoji, scripts without spaces, long words, much white space. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.string({ minLength: 1, maxLength: 12 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 4, arbitrary: fc.constantFrom(' ', '\n', '\n\n', '. ', '? ', '\t', '   ', '。', '\u00a0', ' \u0301') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('👩‍👩‍👧‍👦', 'e\u0301', '🇨🇭', 'क्षि', '각', 'ﷺ', '\u200d', 'x'.repeat(90), 'ж'.repeat(70)),
  },
  { weight: 1, arbitrary: fc.nat(300).map((n) => ' '.repeat(n)) },
);
const text = fc.array(piece, { maxLength: 120 }).map((pieces) => pieces.join(''));
const size = fc
  .integer({ min: 20, max: 200 })
  .chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 0, max: all >> 1 })));

function check(what: string, property: (text: string, chunks: Chunk[], size: number, overlap: number) => void): void {
  it(what, () => {
    fc.assert(
      fc.property(text, size, (whole, [most, overlap]) =>
        property(whole, chunkText(whole, { size: most, overlap }), most, overlap),
      ),
      { numRuns: 400 },
    );
  });
}

describe('chunks of any text', () => {
  check('are what stands at their place, without white space around', (whole, chunks) => {
    for (const { text: part, start, end } of chunks) {
      assert.equal(part, whole.slice(start, end));
      assert.ok(part.length > 0);
    }
  });

  check('are never longer than their size', (_, chunks, most) => {
    for (const { text: part } of chunks) assert.ok(part.length <= most, `${part.length} > ${most}`);
  });

  check('come in order, each with something new, and repeat no more than the overlap', (_, chunks, __, overlap) => {
    for (let i = 1; i < chunks.length; i++) {
      const [before, now] = [chunks[i - 1], chunks[i]];
      assert.ok(now.start > before.start && now.end > before.end);
      assert.ok(before.end - now.start <= overlap);
    }
  });

  check('cover all but white space', (whole, chunks) => {
    let covered = 0;
    for (const { start, end } of chunks) {
      if (start > covered) assert.match(whole.slice(covered, start), /^\s*$/);
      covered = Math.max(covered, end);
    }
    assert.match(whole.slice(covered), /^\s*$/);
  });

  check('begin and end between characters as readers see them', (whole, chunks, most) => {
    const borders = new Set([...new Intl.Segmenter().segment(whole)].map(({ index }) => index).concat(whole.length));
    for (const at of chunks.flatMap(({ start, end }) => [start, end])) {
      if (borders.has(at)) continue;
      // Only what is longer than a chunk, or than we look around, may be cut, and then between code points.
      const sorted = [...borders];
      const from = sorted.findLast((border) => border < at)!;
      const to = sorted.find((border) => border > at)!;
      assert.ok(to - from > Math.min(most, 64), `cut ${JSON.stringify(whole.slice(from, to))} at ${at - from}`);
      assert.ok(whole.codePointAt(at - 1)! <= 0xffff, 'cut a surrogate pair');
    }
  });

  check('begin and end between words, but for words longer than a chunk', (whole, chunks, most) => {
    // A space that carries a combining mark is a character of a word.
    const gap = (at: number): boolean =>
      at < 0 || at >= whole.length || (/\s/.test(whole[at]) && isCharacterBorder(whole, at + 1));
    for (const at of chunks.flatMap(({ start, end }) => [start, end])) {
      if (gap(at - 1) || gap(at) || /[。！？｡」』）”’】》]$/.test(whole.slice(0, at))) continue;
      let [from, to] = [at, at];
      while (!gap(from - 1)) from--;
      while (!gap(to)) to++;
      assert.ok(to - from > most, `cut ${JSON.stringify(whole.slice(from, to))} at ${at - from}, size ${most}`);
    }
  });
});

describe('where a text is cut', () => {
  const words = (count: number, word = 'word'): string =>
    Array.from({ length: count }, (_, i) => `${word}${i}`).join(' ');
  const cuts = (whole: string, options = {}): string[] => chunkText(whole, options).map((chunk) => chunk.text);

  it('leaves a short text whole, and makes nothing of an empty one', () => {
    assert.deepEqual(chunkText('  A short text.\n'), [{ text: 'A short text.', start: 2, end: 15 }]);
    assert.deepEqual(chunkText(''), []);
    assert.deepEqual(chunkText(' \n\t\u00a0'), []);
  });

  it('ends at a paragraph rather than at a later sentence', () => {
    const [first, second] = cuts(`${'One two three. '.repeat(50)}\n\n${'Four five six. '.repeat(50)}`, { overlap: 0 });
    assert.ok(first.endsWith('One two three.'));
    assert.ok(second.startsWith('Four'));
  });

  it('ends at a sentence rather than at a later word', () => {
    const [first] = cuts(`${words(120)}. Then ${words(120)}`);
    assert.ok(first.endsWith('word119.'), first);
  });

  it('takes no dot of an abbreviation or of an initial for the end of a sentence', () => {
    const [first] = cuts(`${words(110)} end. See e.g. Fig. 3 by J. Smith et al. And so on ${words(100)}`);
    assert.ok(/ end\.$| so on|word\d+$/.test(first), first);
    const [second] = cuts(`${'x '.repeat(400)}end. ${'Y '.repeat(40)}cf. ${'Z '.repeat(200)}`);
    assert.ok(second.endsWith('end.'), second);
  });

  it('ends at a line where there are no sentences', () => {
    const lines = Array.from({ length: 100 }, (_, i) => `const name${i} = call(${i})`);
    for (const part of cuts(lines.join('\n'))) for (const line of part.split('\n')) assert.ok(lines.includes(line));
  });

  it('repeats whole sentences', () => {
    const chunks = chunkText('A sentence of some words here. '.repeat(100));
    for (let i = 1; i < chunks.length; i++) {
      assert.ok(chunks[i].text.startsWith('A sentence'));
      const repeated = chunks[i - 1].end - chunks[i].start;
      assert.ok(repeated > 100 && repeated <= 200, String(repeated));
    }
  });

  it('cuts Chinese and Japanese after their full stops', () => {
    for (const part of cuts('速い茶色の狐は怠け者の犬を飛び越えます。'.repeat(200))) assert.ok(part.endsWith('。'));
  });

  it('cuts Thai, which has neither spaces nor full stops, between words', () => {
    const whole = 'สวัสดีชาวโลกภาษาไทยไม่มีช่องว่าง'.repeat(100);
    const borders = new Set(
      [...new Intl.Segmenter('th', { granularity: 'word' }).segment(whole)].map((word) => word.index),
    );
    for (const { end } of chunkText(whole).slice(0, -1)) assert.ok(borders.has(end));
  });

  it('cuts a word that is longer than a chunk after a sign, and nothing else', () => {
    const address = `https://example.org/${'path/'.repeat(300)}`;
    const chunks = chunkText(`${words(50)} ${address} ${words(50)}`);
    assert.ok(chunks.some((chunk) => chunk.text.startsWith('https://') && chunk.text.endsWith('/')));
    const long = 'q'.repeat(2500);
    assert.equal(
      chunkText(long, { overlap: 0 })
        .map((chunk) => chunk.text)
        .join(''),
      long,
    );
  });

  it('cuts between two code points where one character is longer than a chunk', () => {
    const whole = `a${'\u0301'.repeat(100)}😀`;
    const chunks = chunkText(whole, { size: 20, overlap: 0 });
    assert.equal(chunks.map((chunk) => chunk.text).join(''), whole);
    for (const { text: part } of chunks) assert.doesNotMatch(part, /\p{Surrogate}/u);
  });

  it('is quick on a long run of white space', () => {
    assert.equal(chunkText(`a ${' '.repeat(3_000_000)}b`).length, 2);
    assert.equal(chunkText(`a${' '.repeat(3000)}`.repeat(2000)).length, 2000);
  });
});

describe('pages and headings of chunks', () => {
  const sentences = (count: number): string => 'A sentence of some words here. '.repeat(count);

  it('names the page on which a chunk begins', () => {
    const page = sentences(40);
    const chunks = chunkText(page.repeat(3), { pages: [0, page.length, 2 * page.length] });
    for (const { page: number, start } of chunks) assert.equal(number, Math.floor(start / page.length) + 1);
    assert.equal(chunks.at(-1)!.page, 3);
  });

  it('ends before a section and repeats nothing of it', () => {
    const whole = `Install\n\n${sentences(30)}\n\nUsage\n\n${sentences(30)}`;
    const usage = whole.indexOf('Usage');
    const chunks = chunkText(whole, {
      sections: [
        { start: 0, headings: ['Install'] },
        { start: usage, headings: ['Usage'] },
      ],
    });
    assert.ok(chunks.some(({ start }) => start === usage));
    for (const { start, end, headings } of chunks) {
      assert.ok(end <= usage || start >= usage);
      assert.deepEqual(headings, [start < usage ? 'Install' : 'Usage']);
    }
  });

  it('puts small sections together and names the headings that all of them are under', () => {
    const whole = 'Title\n\nA\n\none\n\nB\n\ntwo';
    const sections = [
      { start: 0, headings: ['Title'] },
      { start: 7, headings: ['Title', 'A'] },
      { start: 15, headings: ['Title', 'B'] },
    ];
    assert.deepEqual(
      chunkText(whole, { sections }).map(({ headings }) => headings),
      [['Title']],
    );
    assert.deepEqual(chunkText(whole.slice(15), { sections: [{ start: 0, headings: ['Title', 'B'] }] })[0].headings, [
      'Title',
      'B',
    ]);
  });

  it('has neither without them', () => {
    assert.deepEqual(Object.keys(chunkText('Some text.')[0]), ['text', 'start', 'end']);
  });
});

describe('the options of chunkText', () => {
  const refuses = (options: object, code: ErrorCode, message: string, expected: string, actual: string) =>
    fails(() => chunkText('', options), {
      code,
      message: `${message} must be ${expected}, but is ${actual}.`,
      expected,
      actual,
    });

  it('refuses a size or overlap out of bounds', async () => {
    const sizes = 'an integer from 20 to 1,000,000';
    await refuses({ size: 10 }, 'E_RANGE', 'chunk.size', sizes, '10');
    await refuses({ size: 99.5 }, 'E_RANGE', 'chunk.size', sizes, '99.5');
    await refuses({ size: 'big' }, 'E_ARGUMENT', 'chunk.size', sizes, '"big"');
    await refuses({ size: 100, overlap: 51 }, 'E_RANGE', 'chunk.overlap', 'an integer from 0 to 50', '51');
    await refuses({ overlap: -1 }, 'E_RANGE', 'chunk.overlap', 'an integer from 0 to 500', '-1');
  });

  it('takes a fifth of a small size as overlap by default', () => {
    const chunks = chunkText('A few words. '.repeat(100), { size: 100 });
    for (let i = 1; i < chunks.length; i++) assert.ok(chunks[i - 1].end - chunks[i].start <= 20);
  });
});

describe('isCharacterBorder', () => {
  it('agrees with the segmenter of Unicode', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 12 }),
        fc.string({ unit: 'binary', maxLength: 6 }),
        (a, b) => {
          const whole = a + b;
          const borders = new Set([...new Intl.Segmenter().segment(whole)].map(({ index }) => index));
          for (let at = 1; at < whole.length; at++)
            assert.equal(isCharacterBorder(whole, at), borders.has(at), `${at}`);
        },
      ),
      { numRuns: 500 },
    );
  });
});
