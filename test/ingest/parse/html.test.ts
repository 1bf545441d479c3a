import { strict as assert } from 'node:assert';
import { parseHtml } from '../../../src/ingest/parse/html.js';

const text = (html: string): string => parseHtml(html).text;

describe('the text of a page', () => {
  it('has its blocks as paragraphs and lines', () => {
    assert.equal(
      text('<h1>Title</h1><p>One\n two <b>bold</b>.</p><p>Three<br>four</p><div>five</div><div>six</div>'),
      'Title\n\nOne two bold.\n\nThree\nfour\n\nfive\nsix',
    );
    assert.equal(text('<p>a</p>\n\n  <p>  b&nbsp;&nbsp;c </p>'), 'a\n\nb c');
    assert.equal(text('no tags at all &amp; a < b'), 'no tags at all & a < b');
  });

  it('has lists, tables and code in a form that can be read', () => {
    assert.equal(
      text('<ul><li>one<li>two<ul><li>inner</ul><li>three</ul>after'),
      '- one\n- two\n- inner\n- three\n\nafter',
    );
    assert.equal(text('<table><tr><th>a<th>b</tr><tr><td><p>1</p></td><td>2</td></tr></table>'), 'a | b\n1 | 2');
    assert.equal(
      text('<pre><code>if (x) {\n  <span>y</span>();\n}\n</code></pre><p>after'),
      'if (x) {\n  y();\n}\n\nafter',
    );
    assert.equal(text('<dl><dt>term<dd>meaning</dl>'), 'term\nmeaning');
  });

  it('has its entities decoded', () => {
    assert.equal(
      text('&lt;b&gt; &eacute;&#233;&#xe9; &hellip; &unknown; &#x1F600; &#0;'),
      '<b> ééé … &unknown; 😀 \ufffd',
    );
  });

  it('has no scripts, styles or what else is never text', () => {
    const silent = [
      'script',
      'style',
      'noscript',
      'template',
      'svg',
      'textarea',
      'select',
      'button',
      'iframe',
      'object',
    ];
    for (const tag of silent) assert.equal(text(`<p>a</p><${tag}>hidden <b>x</b></${tag}><p>b</p>`), 'a\n\nb', tag);
    assert.equal(text('<script>if (a < b) document.write("<p>x</p>")</script>a<!-- comment -->b'), 'ab');
  });

  it('has nothing of what is on every page of the site', () => {
    for (const open of [
      'nav',
      'footer',
      'div role="navigation"',
      'div hidden',
      'div aria-hidden="true"',
      'div style="color: red; display:none"',
    ]) {
      assert.equal(
        text(`<${open}>Home About <div>more</div></${open.split(' ')[0]}><p>The text.</p>`),
        'The text.',
        open,
      );
    }
  });

  it('is that of its main part, where the page has one', () => {
    const page = (main: string): string =>
      `<div>menu menu menu</div><h1>Site</h1><main>${main}</main><div>more links</div>`;
    const { text: found, sections } = parseHtml(
      page('<h2>Part</h2><p>A text of some length that is what the page is about.</p>'),
    );
    assert.equal(found, 'Part\n\nA text of some length that is what the page is about.');
    assert.deepEqual(sections, [
      { start: 0, headings: ['Site'] },
      { start: 0, headings: ['Site', 'Part'] },
    ]);
    assert.equal(text(page('x')), 'menu menu menu\n\nSite\n\nx\n\nmore links');
  });

  it('is all of it where everything is navigation, or it is never closed', () => {
    assert.equal(text('<nav>Only this</nav>'), 'Only this');
    assert.equal(text('<nav><p>Text after a mistake</p>'), 'Text after a mistake');
  });

  it('is that of tags that are wrongly nested, too', () => {
    assert.equal(text('<p>a<b>b<p>c</b>d</i></p></div>e<h2>f<p>g'), 'ab\n\nc\n\nd\n\ne\n\nf\n\ng');
  });
});

describe('the characters of a page', () => {
  it('are clean, also those that entities stand for', () => {
    const {
      text: body,
      title,
      metadata,
    } = parseHtml(
      '<title>a&#1;b&shy;c</title><meta name=author content="x&#2;y"><p>d&shy;e&#xd800;f&#7;g\r\nh<pre>i\r\nj&#3;</pre>',
    );
    assert.equal(body, 'de\ufffdf g h\n\ni\nj ');
    assert.equal(title, 'a bc');
    assert.deepEqual(metadata, { author: 'x y' });
  });
});

describe('what a page says of itself', () => {
  it('has a title: its own, or else its first heading', () => {
    assert.equal(parseHtml('<title> The\n title &amp; more </title><h1>Head</h1>').title, 'The title & more');
    assert.equal(parseHtml('<p>a<h1>Head <i>line</i></h1><h1>Next</h1>').title, 'Head line');
    assert.equal(parseHtml('<p>a').title, undefined);
  });

  it('has headings that form paths', () => {
    const { text: whole, sections = [] } = parseHtml('<h1>A</h1>x<h3>B</h3>y<h2>C</h2>z<h1>D</h1><h2></h2>');
    assert.deepEqual(
      sections.map(({ headings }) => headings.join(' > ')),
      ['A', 'A > B', 'A > C', 'D'],
    );
    for (const { start, headings } of sections) assert.ok(whole.slice(start).startsWith(headings.at(-1)!));
  });

  it('has metadata', () => {
    const { metadata } = parseHtml(
      '<html lang="en"><meta name="Description" content=" What it is "><meta property="og:description" content="other"><meta name=author content=Me><meta name=viewport content=x>',
    );
    assert.deepEqual(metadata, { language: 'en', description: 'What it is', author: 'Me' });
  });
});
