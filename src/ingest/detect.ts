/** What a file is: by its name, else by how it begins. */
import { extname } from 'node:path';
import type { DocumentType } from './types.js';

const TYPES: Record<DocumentType, readonly string[]> = {
  pdf: ['pdf'],
  html: ['html', 'htm', 'xhtml', 'shtml'],
  markdown: ['md', 'markdown', 'mdown', 'mkd', 'mdx'],
  text: ['txt', 'text', 'rst', 'adoc', 'asciidoc', 'org', 'log'],
  docx: ['docx', 'docm'],
  csv: ['csv', 'tsv'],
  jsonl: ['jsonl', 'ndjson'],
};

const BY_EXTENSION = new Map(
  Object.entries(TYPES).flatMap(([type, extensions]) => extensions.map((name) => [name, type as DocumentType])),
);

/** Texts that go by a name without an extension. */
const NAMES = ['readme', 'license', 'licence', 'copying', 'notice', 'authors', 'changelog', 'changes', 'contributing'];

/** The globs of what is read of a folder, matched without regard to case. */
export const DEFAULT_INCLUDE: readonly string[] = [
  `**/*.{${[...BY_EXTENSION.keys()].join(',')}}`,
  `**/{${NAMES.join(',')}}{,-*}`,
];

export function typeByName(path: string): DocumentType | undefined {
  return BY_EXTENSION.get(extname(path).slice(1).toLowerCase());
}

/** Bytes from the beginning of a file that tell what it is. */
export const HEAD_BYTES = 4096;

/** What is not text, by its first bytes, and why we cannot read it. */
const FOREIGN: readonly [magic: string, what: string][] = [
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'an old Office file (.doc, .xls), or a DOCX with a password'],
  ['\x1f\x8b', 'gzip data'],
  ['BZh', 'bzip2 data'],
  ['7z\xbc\xaf\x27\x1c', 'a 7z archive'],
  ['\xfd7zXZ', 'xz data'],
  ['\x89PNG', 'a picture'],
  ['\xff\xd8\xff', 'a picture'],
  ['GIF8', 'a picture'],
  ['\x7fELF', 'a program'],
  ['SQLite format 3', 'a SQLite database'],
  ['{\\rtf', 'an RTF file'],
];

export interface Sniffed {
  type?: DocumentType;
  /** What it is when it is nothing that can be read. */
  foreign?: string;
}

/** What the beginning of a file says it is. Nothing is said of plain text. */
export function sniff(head: Uint8Array): Sniffed {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1', 0, HEAD_BYTES);
  // Some writers put a few bytes before it.
  if (text.slice(0, 1024).includes('%PDF-')) return { type: 'pdf' };
  if (text.startsWith('PK\x03\x04')) return { type: 'docx' };
  const foreign = FOREIGN.find(([magic]) => text.startsWith(magic))?.[1];
  if (foreign !== undefined) return { foreign };
  if (
    /^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b/i.test(text)
  ) {
    return { type: 'html' };
  }
  if (isJsonLine(text)) return { type: 'jsonl' };
  return {};
}

/** Whether the first line is a whole JSON object. */
function isJsonLine(text: string): boolean {
  const line = /^(?:\xef\xbb\xbf)?(\{[^\n]*\})\s*?\n/.exec(text)?.[1];
  if (line === undefined) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
