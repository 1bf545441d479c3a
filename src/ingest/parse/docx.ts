/** Word documents: text with its headings, lists and tables, then the notes. Deleted text stays deleted. */
import { posix } from 'node:path';
import type { JsonObject } from '../../document/types.js';
import { fileError } from '../../vectors/errors.js';
import { cleanText } from '../clean.js';
import { createTextBuilder } from '../text-builder.js';
import type { TextBuilder } from '../text-builder.js';
import { outlineLevel, readStyles } from './docx-styles.js';
import type { Styles } from './docx-styles.js';
import type { Parsed } from './parsed.js';
import { readXml } from './xml.js';
import { openArchive } from './zip.js';
import type { Archive } from './zip.js';

/** Errors: E_CORRUPT, E_RANGE, E_UNSUPPORTED. */
export async function parseDocx(name: string, bytes: Buffer): Promise<Parsed> {
  const archive = await openArchive(name, bytes);
  const main = await mainPart(archive);
  const body = main === undefined ? undefined : await archive.read(main);
  if (main === undefined || body === undefined) {
    throw fileError('E_UNSUPPORTED', name, 'the file is an archive, but not a Word document', {
      expected: 'a DOCX',
      hint: 'Unpack it and read the files in it',
    });
  }
  const folder = posix.dirname(main);
  const styles = readStyles(await archive.read(`${folder}/styles.xml`));
  const builder = createTextBuilder();
  const title = readBody(body, styles, builder);
  for (const notes of ['footnotes', 'endnotes']) {
    const part = await archive.read(`${folder}/${notes}.xml`);
    if (part === undefined) continue;
    builder.leaveSections();
    readBody(part, styles, builder);
  }
  const properties = await readProperties(archive);
  const { title: given, ...metadata } = properties;
  const named = typeof given === 'string' ? given : title;
  return { ...(named !== '' && { title: named }), ...builder.build(), metadata };
}

/** The part that is the document, as the archive's own relations name it. */
async function mainPart(archive: Archive): Promise<string | undefined> {
  let target: string | undefined;
  readXml((await archive.read('_rels/.rels')) ?? new Uint8Array(0), {
    open(name, attribute) {
      if (name === 'Relationship' && attribute('Type')?.endsWith('/officeDocument') === true)
        target = attribute('Target');
    },
  });
  const part = target === undefined ? 'word/document.xml' : posix.normalize(target.replace(/^\//, ''));
  // Tables and slides have the same relation.
  return /^(?:xl|ppt)\//.test(part) || !archive.has(part) ? undefined : part;
}

/** What is not text of the document, or stands there twice: old versions, fallbacks for old readers, separators of notes. */
const SILENT = new Set(['pPrChange', 'rPrChange', 'tblPrChange', 'sectPrChange', 'moveFrom', 'del', 'Fallback']);

interface Paragraph {
  level: number | undefined;
  listed: boolean;
  title: boolean;
  /** Whether it has text already. */
  begun: boolean;
}

const newParagraph = (): Paragraph => ({ level: undefined, listed: false, title: false, begun: false });

/** Writes the text of a part, and returns what stands in the style of a title. */
function readBody(xml: Uint8Array, styles: Styles, builder: TextBuilder): string {
  let title = '';
  let silent = 0;
  let inText = false;
  let tables = 0;
  let inRow = false;
  let paragraph = newParagraph();
  readXml(xml, {
    open(name, attribute) {
      if (silent > 0 || SILENT.has(name) || isSeparator(name, attribute)) silent++;
      else if (name === 'p') {
        paragraph = newParagraph();
        builder.line();
      } else if (name === 'pStyle') {
        const id = attribute('val') ?? '';
        paragraph.level ??= styles.level(id);
        paragraph.title = styles.isTitle(id);
      } else if (name === 'outlineLvl') paragraph.level = outlineLevel(attribute('val') ?? '') ?? paragraph.level;
      else if (name === 'numPr') paragraph.listed = true;
      else if (name === 'tbl') tables++;
      else if (name === 'tr') {
        builder.line();
        inRow = false;
      } else if (name === 'tc') {
        if (inRow) builder.join(' | ');
        inRow = true;
      } else if (name === 't') {
        inText = true;
        const { begun, level, listed } = paragraph;
        if (!begun && level === undefined && !listed && tables === 0) builder.paragraph();
        paragraph.begun = true;
      } else if (name === 'tab') builder.inline(' ');
      else if (name === 'noBreakHyphen') builder.inline('-');
      else if (name === 'br' || name === 'cr') builder.line();
    },
    text(text) {
      if (!inText || silent > 0) return;
      builder.inline(cleanText(text));
      if (paragraph.title) title += text;
    },
    close(name) {
      if (silent > 0) silent--;
      else if (name === 't') inText = false;
      else if (name === 'pPr') {
        if (paragraph.level !== undefined) builder.openHeading(paragraph.level);
        else if (paragraph.listed) builder.bullet('- ');
      } else if (name === 'p') {
        if (paragraph.level !== undefined) builder.closeHeading();
        else if (paragraph.listed || tables > 0) builder.line();
        else builder.paragraph();
        paragraph = newParagraph();
      } else if (name === 'tbl' && --tables === 0) builder.paragraph();
    },
  });
  return cleanText(title).replace(/\s+/g, ' ').trim();
}

function isSeparator(name: string, attribute: (name: string) => string | undefined): boolean {
  return (name === 'footnote' || name === 'endnote') && /separator/i.test(attribute('type') ?? '');
}

const PROPERTIES: Record<string, string> = {
  title: 'title',
  creator: 'author',
  subject: 'subject',
  keywords: 'keywords',
};

async function readProperties(archive: Archive): Promise<JsonObject> {
  const found: JsonObject = {};
  let key: string | undefined;
  let value = '';
  readXml((await archive.read('docProps/core.xml')) ?? new Uint8Array(0), {
    open(name) {
      key = PROPERTIES[name];
      value = '';
    },
    text(text) {
      value += text;
    },
    close(name) {
      const text = cleanText(value).replace(/\s+/g, ' ').trim();
      if (key !== undefined && PROPERTIES[name] === key && text !== '') found[key] = text;
      key = undefined;
    },
  });
  return found;
}
