/** The text of a page, without what is on every page of its site. Scripts are not run, and nothing is fetched. */
import { Parser } from 'htmlparser2';
import type { JsonObject } from '../../document/types.js';
import { cleanText } from '../clean.js';
import { createTextBuilder } from '../text-builder.js';
import type { Built } from '../text-builder.js';
import type { Parsed } from './parsed.js';

const set = (names: string): Set<string> => new Set(names.split(' '));
/** Never text. */
const SILENT = set(
  'script style noscript template svg canvas object embed iframe audio video map select datalist button textarea',
);
/** Text that belongs to the site, not to the page. */
const CHROME = set('nav footer menu');
const CHROME_ROLES = set('navigation banner contentinfo search menu menubar toolbar');
const PARAGRAPHS = set(
  'p blockquote pre dl table figure section article main aside header footer form fieldset hr details',
);
const LINES = set('div li dt dd tr address figcaption caption summary br option');
/** What a page says of itself that is worth keeping. */
const META = set('description keywords author');
/** A `main` with less text than this part of the page is not where its text is. */
const MAIN_SHARE = 0.2;

/** Errors: none; any text can be read as a page. */
export function parseHtml(html: string): Parsed {
  const page = readPage(html, true);
  // A page that is nothing but navigation, or whose navigation is never closed, is better read whole.
  return page.text.trim() === '' ? readPage(html, false) : page;
}

/** @param withoutChrome leaves out navigation, footers and what is hidden */
function readPage(html: string, withoutChrome: boolean): Parsed {
  const builder = createTextBuilder();
  const metadata: JsonObject = {};
  let title = '';
  let inTitle = false;
  /** Depth below the element that is left out; 0 outside of one. */
  let silent = 0;
  let preformatted = 0;
  let lists = 0;
  let cells = 0;
  let inRow = false;
  let main: { from: number; to: number } | undefined;

  /** In a table's cell no blank line parts one paragraph from the next. */
  const paragraph = (): void => (cells > 0 ? builder.line() : builder.paragraph());

  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (silent > 0 || SILENT.has(name) || (withoutChrome && isChrome(name, attributes))) {
          silent++;
          return;
        }
        if (name === 'title') inTitle = true;
        else if (name === 'html') keep(metadata, 'language', attributes.lang);
        else if (name === 'meta') keepMeta(metadata, attributes);
        else if (/^h[1-6]$/.test(name)) builder.openHeading(Number(name[1]));
        else if (name === 'ul' || name === 'ol') {
          // A list within a list goes on with it.
          if (lists++ === 0) paragraph();
          else builder.line();
        } else if (PARAGRAPHS.has(name)) paragraph();
        else if (LINES.has(name)) builder.line();
        if (name === 'pre') preformatted++;
        else if (name === 'li') builder.bullet('- ');
        else if (name === 'tr') inRow = false;
        else if (name === 'td' || name === 'th') {
          if (inRow) builder.join(' | ');
          inRow = true;
          cells++;
        } else if (name === 'main') main ??= { from: builder.position(), to: Infinity };
      },
      ontext(text) {
        if (silent > 0) return;
        // Here and not before: entities stand for characters that are cleaned away, too.
        const clean = cleanText(text);
        if (inTitle) title += clean;
        else if (preformatted > 0) builder.verbatim(clean);
        else builder.inline(clean);
      },
      onclosetag(name) {
        if (silent > 0) {
          silent--;
          return;
        }
        if (name === 'title') inTitle = false;
        else if (/^h[1-6]$/.test(name)) builder.closeHeading();
        else if (name === 'ul' || name === 'ol') {
          if (--lists === 0) paragraph();
          else builder.line();
        } else if (PARAGRAPHS.has(name)) paragraph();
        else if (LINES.has(name)) builder.line();
        if (name === 'pre') preformatted = Math.max(0, preformatted - 1);
        else if (name === 'td' || name === 'th') cells--;
        else if (name === 'main' && main?.to === Infinity) main.to = builder.position();
      },
    },
    { decodeEntities: true },
  );
  parser.end(html);
  const built = inMain(builder.build(), main);
  const named =
    title.replace(/\s+/g, ' ').trim() || built.sections.find(({ headings }) => headings.length === 1)?.headings[0];
  return { ...(named !== undefined && named !== '' && { title: named }), ...built, metadata };
}

function isChrome(name: string, attributes: Record<string, string>): boolean {
  if (CHROME.has(name)) return true;
  const { role, hidden, style, 'aria-hidden': ariaHidden } = attributes;
  if (hidden !== undefined || ariaHidden === 'true') return true;
  if (role !== undefined && CHROME_ROLES.has(role)) return true;
  return style !== undefined && /display\s*:\s*none/i.test(style);
}

function keepMeta(metadata: JsonObject, { name, property, content }: Record<string, string>): void {
  const key = (name ?? property ?? '').toLowerCase().replace(/^og:/, '');
  if (META.has(key)) keep(metadata, key, content);
}

function keep(metadata: JsonObject, key: string, value: string | undefined): void {
  const text = cleanText(value ?? '')
    .replace(/\s+/g, ' ')
    .trim();
  if (text !== '' && metadata[key] === undefined) metadata[key] = text;
}

/** Only what stands in the page's `main`, when it has one that holds its text. */
function inMain({ text, sections }: Built, main: { from: number; to: number } | undefined): Built {
  if (main === undefined) return { text, sections };
  const part = text.slice(main.from, main.to);
  if (part.length < text.length * MAIN_SHARE) return { text, sections };
  const lead = part.length - part.trimStart().length;
  const above = sections.filter(({ start }) => start < main.from).at(-1);
  const inside = sections.filter(({ start }) => start >= main.from && start < main.to);
  return {
    text: part.trim(),
    sections: [
      ...(above === undefined ? [] : [{ start: 0, headings: above.headings }]),
      ...inside.map(({ start, headings }) => ({ start: start - main.from - lead, headings })),
    ],
  };
}
