/** PDF by PDFium: page by page, with its outline as headings. */
import { QuiverError } from '../../../lib/errors.js';
import type { JsonObject } from '../../document/types.js';
import { fileError } from '../../vectors/errors.js';
import { cleanText } from '../clean.js';
import { MEBIBYTE } from '../options.js';
import type { ReadSettings } from '../options.js';
import { joinPages, outlineSections } from './pdf-text.js';
import type { Outline } from './pdf-text.js';
import { readString, readUtf16, startPdfium, withMemory, writeBytes } from './pdfium.js';
import type { Pdfium, PdfiumCalls } from './pdfium.js';
import type { Parsed } from './parsed.js';

/** Kept between files: it takes a while to start. */
let engine: Pdfium | undefined;
/** WebAssembly never gives memory back. An engine that took more than this is not kept. */
const KEEP = 128 * MEBIBYTE;

/** Errors: E_CORRUPT, E_UNSUPPORTED, E_RANGE, E_OUT_OF_MEMORY. */
export async function parsePdf(name: string, bytes: Uint8Array, settings: ReadSettings): Promise<Parsed> {
  if (engine?.maxMemory !== settings.maxMemory) engine = undefined;
  const pdfium = (engine ??= await startPdfium(settings.maxMemory));
  try {
    const parsed = readDocument(name, bytes, pdfium.calls, settings);
    if (pdfium.calls.memory.buffer.byteLength > KEEP) engine = undefined;
    return parsed;
  } catch (error) {
    if (error instanceof QuiverError) throw error;
    // It stopped in the middle of its work: nothing in its memory can be relied upon any more.
    engine = undefined;
    if (pdfium.ranOut()) {
      throw fileError('E_OUT_OF_MEMORY', name, 'the PDF needs too much memory', {
        expected: `at most ${settings.maxMemory / MEBIBYTE} MiB`,
        hint: 'Raise maxMemory if the file can be trusted',
      });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw fileError('E_CORRUPT', name, `the PDF is damaged in a way that stopped its reader (${reason})`);
  }
}

function readDocument(name: string, bytes: Uint8Array, calls: PdfiumCalls, settings: ReadSettings): Parsed {
  return withMemory(calls, bytes.length, (pointer) => {
    writeBytes(calls, pointer, bytes);
    const document = calls.FPDF_LoadMemDocument(pointer, bytes.length, 0);
    if (document === 0) throw loadError(name, calls.FPDF_GetLastError());
    try {
      return readPages(name, document, calls, settings);
    } finally {
      calls.FPDF_CloseDocument(document);
    }
  });
}

/** FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY of fpdfview.h. */
const PASSWORD = 4;
const SECURITY = 5;

function loadError(name: string, code: number): QuiverError {
  if (code === PASSWORD) {
    return fileError('E_UNSUPPORTED', name, 'the PDF is protected by a password', {
      hint: 'Save a copy without one and read that',
    });
  }
  if (code === SECURITY) {
    return fileError('E_UNSUPPORTED', name, 'the PDF is encrypted in a way that is not known', {
      hint: 'Save a copy without encryption and read that',
    });
  }
  return fileError('E_CORRUPT', name, 'this is not a PDF, or it is damaged', {
    hint: 'Open it in a viewer; if that can repair it, save a copy',
  });
}

function readPages(name: string, document: number, calls: PdfiumCalls, { maxPages }: ReadSettings): Parsed {
  const count = calls.FPDF_GetPageCount(document);
  if (count > maxPages) {
    throw fileError('E_RANGE', name, 'the PDF has too many pages', {
      expected: `at most ${maxPages}`,
      actual: String(count),
      hint: 'Raise maxPages if the file can be trusted',
    });
  }
  const pages: string[] = [];
  let unreadable = 0;
  for (let index = 0; index < count; index++) {
    const text = pageText(document, index, calls);
    if (text === undefined) unreadable++;
    pages.push(text ?? '');
  }
  if (unreadable === count) throw fileError('E_CORRUPT', name, `none of the ${count} pages of the PDF can be read`);
  const { text, starts } = joinPages(pages);
  if (text === '') {
    throw fileError('E_UNSUPPORTED', name, `the PDF has no text on its ${count} pages, only pictures or drawings`, {
      hint: 'Recognise its text (OCR) first',
    });
  }
  const metadata: JsonObject = { pages: count };
  if (unreadable > 0) metadata.unreadablePages = unreadable;
  for (const tag of ['Author', 'Subject', 'Keywords']) {
    const value = metaText(document, tag, calls);
    if (value !== '') metadata[tag.toLowerCase()] = value;
  }
  const title = metaText(document, 'Title', calls);
  const sections = outlineSections(text, starts, readOutline(document, calls));
  // What a word processor or a printer calls a file that nobody named.
  const isNamed = title !== '' && !/^(untitled|microsoft word - |.*\.(docx?|dvi|tex|pdf|indd)$)/i.test(title);
  return { ...(isNamed && { title }), text, pages: starts, ...(sections.length > 0 && { sections }), metadata };
}

/** The text of a page; undefined when the page cannot be read. */
function pageText(document: number, index: number, calls: PdfiumCalls): string | undefined {
  const page = calls.FPDF_LoadPage(document, index);
  if (page === 0) return undefined;
  try {
    const textPage = calls.FPDFText_LoadPage(page);
    if (textPage === 0) return undefined;
    try {
      const count = calls.FPDFText_CountChars(textPage);
      if (count <= 0) return '';
      return withMemory(calls, (count + 1) * 2, (buffer) => {
        const written = calls.FPDFText_GetText(textPage, 0, count, buffer);
        return readUtf16(calls, buffer, Math.max(0, written - 1));
      });
    } finally {
      calls.FPDFText_ClosePage(textPage);
    }
  } finally {
    calls.FPDF_ClosePage(page);
  }
}

function metaText(document: number, tag: string, calls: PdfiumCalls): string {
  const name = Buffer.from(`${tag}\0`, 'latin1');
  return withMemory(calls, name.length, (pointer) => {
    writeBytes(calls, pointer, name);
    const text = readString(calls, (buffer, size) => calls.FPDF_GetMetaText(document, pointer, buffer, size));
    return cleanText(text).replace(/\s+/g, ' ').trim();
  });
}

const DEEPEST = 12;
const MOST_ENTRIES = 5000;

/** The bookmarks, from the first to the last, children after their parent. Damaged ones may lead round in a circle. */
function readOutline(document: number, calls: PdfiumCalls): Outline[] {
  const outline: Outline[] = [];
  const seen = new Set<number>();
  const walk = (parent: number, level: number): void => {
    let bookmark = calls.FPDFBookmark_GetFirstChild(document, parent);
    while (bookmark !== 0 && !seen.has(bookmark) && outline.length < MOST_ENTRIES) {
      seen.add(bookmark);
      const one = bookmark;
      const title = readString(calls, (buffer, size) => calls.FPDFBookmark_GetTitle(one, buffer, size));
      const page = targetPage(document, bookmark, calls);
      if (page >= 0) outline.push({ level, title, page });
      if (level < DEEPEST) walk(bookmark, level + 1);
      bookmark = calls.FPDFBookmark_GetNextSibling(document, bookmark);
    }
  };
  walk(0, 1);
  return outline;
}

function targetPage(document: number, bookmark: number, calls: PdfiumCalls): number {
  let target = calls.FPDFBookmark_GetDest(document, bookmark);
  if (target === 0) {
    const action = calls.FPDFBookmark_GetAction(bookmark);
    if (action !== 0) target = calls.FPDFAction_GetDest(document, action);
  }
  return target === 0 ? -1 : calls.FPDFDest_GetDestPageIndex(document, target);
}
