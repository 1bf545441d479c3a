import { strict as assert } from 'node:assert';
import { parseMarkdown } from '../../../src/ingest/parse/markdown.js';

const text = (markdown: string): string => parseMarkdown(markdown).text;

describe('the text of Markdown', () => {
  it('is without its signs', () => {
    assert.equal(
      text('# Title\n\nSome *text*, [a link](http://x.org "t"),\n`code` &amp; ![picture](x.png)**bold**.\n'),
      'Title\n\nSome text, a link, code & bold.',
    );
  });

  it('has code as it is, with the signs in it', () => {
    assert.equal(
      text('```js\nconst a = "# no heading";\n\n  b(*c);\n```\n\n    indented\n'),
      'const a = "# no heading";\n\n  b(*c);\n\nindented',
    );
  });

  it('has lists and tables', () => {
    assert.equal(
      text('- a\n- b\n  - c\n\n1. d\n\n| x | y |\n|---|---|\n| 1 | 2 |\n'),
      '- a\n- b\n- c\n\n- d\n\nx | y\n1 | 2',
    );
  });

  it('has the text of HTML within it, but nothing of its scripts', () => {
    assert.equal(
      text(
        '<p align="center"><img src="x"><b>Name</b></p>\n\n<details><summary>More</summary>\n\nInside *this*.\n\n</details>\n<script>x()</script>\n\nEnd<br>here',
      ),
      'Name\n\nMore\n\nInside this.\n\nEnd\nhere',
    );
  });
});

describe('what Markdown says of itself', () => {
  it('has headings that form paths, of both kinds', () => {
    const { title, sections = [] } = parseMarkdown('Top\n===\n\nx\n\nSub\n---\n\n### Deep `code`\n\n# Next\n');
    assert.equal(title, 'Top');
    assert.deepEqual(
      sections.map(({ headings }) => headings),
      [['Top'], ['Top', 'Sub'], ['Top', 'Sub', 'Deep code'], ['Next']],
    );
  });

  it('has front matter as metadata', () => {
    const {
      title,
      text: body,
      metadata,
    } = parseMarkdown(
      '---\ntitle: Named here\ndate: 2024-02-03\ntags: [a, b]\nnested: { n: 1, none: null }\n---\n# Heading\n',
    );
    assert.equal(title, 'Named here');
    assert.equal(body, 'Heading');
    assert.deepEqual(metadata, { date: '2024-02-03', tags: ['a', 'b'], nested: { n: 1, none: null } });
  });

  it('takes a rule at the beginning for a rule', () => {
    assert.match(text('---\nJust: a\nparagraph: [\n---\n\ntext'), /paragraph: \[\s+text/);
    assert.equal(text('---\n\ntext without an end'), 'text without an end');
    assert.match(text('---\n- a list\n---\n'), /a list/);
  });

  it('is safe from front matter that names itself', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const pair of ['b a', 'c b', 'd c', 'e d', 'f e', 'g f']) {
      const [name, before] = pair.split(' ');
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`);
    }
    const { metadata } = parseMarkdown(`---\n${bomb.join('\n')}\n---\ntext`);
    assert.ok(JSON.stringify(metadata).length < 10_000_000);
    const circle = parseMarkdown('---\na: &a [*a, *a]\n__proto__: { polluted: true }\n---\ntext');
    assert.ok(JSON.stringify(circle.metadata).length < 10_000_000);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
});
