import { strict as assert } from 'node:assert';
import { canDecode, createDecoder, decode, detectEncoding } from '../../src/ingest/encoding.js';
import { cleanText, looksBinary } from '../../src/ingest/clean.js';
import { encode, WINDOWS } from './support.js';

const GERMAN =
  'Die Bürger über Äcker und Öfen: größer, schöner, süßer. Fünf Füchse fraßen Käse für die Gäste im Grünen. ';
const FRENCH =
  'L’élève étudie à l’école, où les fenêtres sont déjà fermées. Ça coûte 5 €, n’est-ce pas ? Voilà la vérité. ';
const RUSSIAN =
  'Съешь ещё этих мягких французских булок, да выпей же чаю. Это простой русский текст для проверки кодировки. ';
const JAPANESE = '速い茶色の狐は怠け者の犬を飛び越えます。これは日本語の文章で、文字コードを調べるためのものです。';
const CHINESE = '敏捷的棕色狐狸跳过了懒狗。这是一个用来检查字符编码的中文句子，里面有很多常用的汉字。';

describe('the encoding of a text', () => {
  const found = (bytes: Uint8Array, options = {}): string => detectEncoding(bytes, options);

  it('is what its byte order mark says', () => {
    assert.equal(found(Buffer.from('\ufeffabc')), 'utf-8');
    assert.equal(found(Buffer.from('\ufeffabc', 'utf16le')), 'utf-16le');
    assert.equal(found(Buffer.from('\ufeffabc', 'utf16le').swap16()), 'utf-16be');
  });

  it('is UTF-8 where that is valid', () => {
    for (const text of ['', 'plain', GERMAN, RUSSIAN, JAPANESE, '👩‍👩‍👧‍👦']) assert.equal(found(Buffer.from(text)), 'utf-8');
  });

  it('is UTF-16 without a mark where every other byte is zero', () => {
    for (const text of ['This is plain text. ', GERMAN]) {
      const bytes = Buffer.from(text.repeat(5), 'utf16le');
      assert.equal(found(bytes), 'utf-16le');
      assert.equal(found(Buffer.from(bytes).swap16()), 'utf-16be');
    }
  });

  for (const [encoding, text] of [
    ['windows-1252', GERMAN],
    ['windows-1252', FRENCH],
    ['windows-1251', RUSSIAN],
    ['koi8-r', RUSSIAN],
    ['shift_jis', JAPANESE],
    ['euc-jp', JAPANESE],
    ['gb18030', CHINESE],
    ['big5', '敏捷的棕色狐狸跳過了懶狗。這是一個用來檢查字符編碼的中文句子，裡面有很多常用的漢字。'],
  ] as const) {
    it(`is found by its letters: ${encoding}, ${text.slice(0, 12)}...`, () => {
      const bytes = encode(text.repeat(4), encoding);
      assert.equal(decode(bytes, found(bytes)), text.repeat(4));
    });
  }

  it('is windows-1252 where a few letters tell nothing', () => {
    assert.equal(decode(encode('café', 'windows-1252'), found(encode('café', 'windows-1252'))), 'café');
  });

  it('stays UTF-8 when a few of its characters are broken', () => {
    const bytes = Buffer.concat([Buffer.from(GERMAN.repeat(3)), Buffer.from([0xff, 0xc3]), Buffer.from(GERMAN)]);
    assert.equal(found(bytes), 'utf-8');
    assert.match(decode(bytes, 'utf-8'), /Grünen\. \ufffd+Die Bürger/);
  });

  it('is what a page says of itself, but not against its bytes', () => {
    const page = (charset: string): string => `<html><head><meta charset="${charset}"><title>Привет</title>`;
    assert.equal(found(encode(page('windows-1251'), 'windows-1251'), { html: true }), 'windows-1251');
    assert.equal(found(Buffer.from(page('windows-1251')), { html: true }), 'utf-8');
    assert.notEqual(found(encode(page('no-such'), 'windows-1251'), { html: true }), 'no-such');
    const old = encode('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">Привет', 'koi8-r');
    assert.equal(found(old, { html: true }), 'koi8-r');
  });

  it('is told from a beginning that ends within a character', () => {
    const bytes = Buffer.from('x'.repeat(7) + JAPANESE + '😀');
    for (let end = 8; end < bytes.length; end++) {
      assert.equal(found(bytes.subarray(0, end), { whole: false }), 'utf-8', `the first ${end} bytes`);
    }
  });
});

describe('decoding', () => {
  it('knows the encodings of the web, and no others', () => {
    for (const label of ['utf-8', 'latin1', 'shift_jis', 'windows-1252']) assert.equal(canDecode(label), true);
    for (const label of ['utf-9', '', undefined, 8]) assert.equal(canDecode(label), false);
  });

  it('reads all 256 bytes of windows-1252', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const text = decode(bytes, 'latin1');
    assert.equal(text.length, 256);
    assert.equal(text.slice(0x80, 0xa0), WINDOWS);
    assert.equal(text.slice(0xa0), Buffer.from(bytes.subarray(0xa0)).toString('latin1'));
  });

  it('puts characters together that come in pieces', () => {
    for (const encoding of ['utf-8', 'utf-16le', 'shift_jis']) {
      const bytes =
        encoding === 'utf-8'
          ? Buffer.from(JAPANESE)
          : encoding === 'utf-16le'
            ? Buffer.from(JAPANESE, 'utf16le')
            : encode(JAPANESE, encoding);
      const decoder = createDecoder(encoding);
      assert.equal([...bytes].map((byte) => decoder(Uint8Array.of(byte))).join('') + decoder(), JAPANESE);
    }
  });
});

describe('cleanText', () => {
  it('leaves clean text as it is', () => {
    const text = 'A\tclean text.\n\n👩‍👩‍👧‍👦 ﷺ\u00a0\u200b';
    assert.equal(cleanText(text), text);
  });

  it('makes one kind of line end', () => {
    assert.equal(cleanText('a\r\nb\rc\nd\x0ce\x0bf\x85g'), 'a\nb\nc\nd\ne\nf\ng');
  });

  it('takes out what stands for nothing', () => {
    assert.equal(cleanText('\ufeffsoft\u00adhyphen\ufeff\uffff'), 'softhyphen');
    assert.equal(cleanText('a\0b\x07c\x7fd\x9be'), 'a b c d e');
    assert.equal(cleanText('half \ud83d and \ude00 of \ud83d\ude00'), 'half \ufffd and \ufffd of 😀');
  });
});

describe('looksBinary', () => {
  it('tells text from bytes', () => {
    for (const text of ['', 'text', `${'words '.repeat(50)}\0\0`, '\x1b[31mred\x1b[0m\r\n'])
      assert.equal(looksBinary(text), false);
    assert.equal(looksBinary('\0\x01\x02abc'), true);
    assert.equal(
      looksBinary(new TextDecoder().decode(Uint8Array.from({ length: 999 }, (_, i) => (i * 89) % 256))),
      true,
    );
  });
});
