/** Real files for the tests of ingest, and what comes of them. */
import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import PDFDocument from 'pdfkit';
import { ZipFile } from 'yazl';
import { QuiverError } from '../../lib/index.js';
import type { ErrorCode } from '../../lib/index.js';
import type { Document } from '../../src/document/types.js';
import { ingest } from '../../src/ingest/ingest.js';
import type { Documents, Failed, Finished, IngestEvent, IngestOptions, Scanned } from '../../src/ingest/types.js';

export interface Folder {
  path: (name?: string) => string;
  /** Writes a file, with the folders above it, and returns its path. */
  write: (name: string, content: string | Uint8Array) => string;
}

/** A folder for each test, gone after it. */
export function testFolder(): Folder {
  let folder = '';
  beforeEach(() => (folder = realpathSync(mkdtempSync(join(tmpdir(), 'quiver-ingest-')))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name = ''): string => join(folder, name);
  return {
    path,
    write(name, content) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
      return path(name);
    },
  };
}

export interface Run {
  events: IngestEvent[];
  scanned: Scanned;
  finished: Finished;
  documents: Document[];
  failures: Failed[];
  batches: Documents[];
  /** Files whose hash is known. */
  unchanged: string[];
}

/** Ingests with the folder as root, so that ids are names in it. */
export async function run(
  folder: Folder,
  paths: string | readonly string[],
  options: IngestOptions = {},
): Promise<Run> {
  const events: IngestEvent[] = [];
  const full = [paths].flat().map((path) => (path.startsWith('/') ? path : folder.path(path)));
  for await (const event of ingest(full, { root: folder.path(), concurrency: 2, ...options })) events.push(event);
  const batches = events.filter((event) => event.kind === 'document');
  const [scanned, finished] = [events[0], events.at(-1)];
  assert.ok(scanned?.kind === 'scanned' && finished?.kind === 'finished');
  return {
    events,
    scanned,
    finished,
    batches,
    documents: batches.flatMap((batch) => batch.documents),
    failures: events.filter((event) => event.kind === 'failed'),
    unchanged: events.filter((event) => event.kind === 'unchanged').map((event) => event.file),
  };
}

type Files = Record<string, string | Uint8Array>;

/** Writes the files, reads them in one run, and gives the one document that each becomes. */
export async function readFiles(folder: Folder, files: Files, options?: IngestOptions): Promise<Map<string, Document>> {
  const paths = Object.entries(files).map(([name, content]) => folder.write(name, content));
  const { documents, failures } = await run(folder, paths, options);
  assert.deepEqual(failures, []);
  assert.deepEqual(documents.map(({ id }) => id).sort(), Object.keys(files).sort());
  return new Map(documents.map((document) => [document.id, document]));
}

export async function readOne(
  folder: Folder,
  name: string,
  content: string | Uint8Array,
  options?: IngestOptions,
): Promise<Document> {
  return (await readFiles(folder, { [name]: content }, options)).get(name)!;
}

/** What is wrong with a file: the code of its error, and what its message says beside its name. */
export type Refusal = readonly [content: string | Uint8Array, code: ErrorCode, ...says: (string | RegExp)[]];

/** Each of the files fails in its own way. */
export async function refused(folder: Folder, files: Record<string, Refusal>, options?: IngestOptions): Promise<void> {
  const paths = Object.entries(files).map(([name, [content]]) => folder.write(name, content));
  const { documents, failures, finished } = await run(folder, paths, options);
  assert.deepEqual(documents, []);
  assert.deepEqual(failures.map(({ file }) => file).sort(), Object.keys(files).sort());
  assert.equal(finished.failed, paths.length);
  for (const { file, error, line } of failures) {
    const [, code, ...says] = files[file];
    assert.equal(line, undefined);
    isError(error, code, [file, ...says]);
  }
}

export function isError(error: unknown, code: ErrorCode, says: readonly (string | RegExp)[] = []): void {
  assert.ok(error instanceof QuiverError, String(error));
  assert.equal(error.code, code, error.message);
  for (const part of says) {
    const found = typeof part === 'string' ? error.message.includes(part) : part.test(error.message);
    assert.ok(found, `"${error.message}" does not say "${String(part)}"`);
  }
}

/** A PDF as a writer of PDFs makes it: a page for each text. */
export async function pdf(
  pages: readonly string[],
  options: PDFKit.PDFDocumentOptions = {},
  draw: (document: PDFKit.PDFDocument, page: number) => void = () => undefined,
): Promise<Buffer> {
  const document = new PDFDocument({ autoFirstPage: false, ...options });
  const parts: Buffer[] = [];
  document.on('data', (part: Buffer) => parts.push(part));
  const done = new Promise((resolve) => document.once('end', resolve));
  pages.forEach((text, page) => {
    document.addPage().text(text);
    draw(document, page);
  });
  document.end();
  await done;
  return Buffer.concat(parts);
}

/** A PDF of these objects, numbered from 1; the first is its catalog. For what no writer would write. */
export function rawPdf(objects: readonly (string | Buffer)[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const offsets: number[] = [];
  let length = parts[0].length;
  objects.forEach((object, i) => {
    const bytes = Buffer.concat([Buffer.from(`${i + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]);
    offsets.push(length);
    length += bytes.length;
    parts.push(bytes);
  });
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const size = objects.length + 1;
  parts.push(
    Buffer.from(
      `xref\n0 ${size}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

export function pdfStream(dictionary: string, bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`<< ${dictionary} /Length ${bytes.length} >>\nstream\n`),
    bytes,
    Buffer.from('\nendstream'),
  ]);
}

/** A ZIP archive of these files. */
export async function zip(files: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files)) archive.addBuffer(Buffer.from(content), name);
  archive.end();
  const parts: Buffer[] = [];
  for await (const part of archive.outputStream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';

/** A Word document with this body, and other parts beside it. */
export function docx(body: string, parts: Record<string, string | Buffer> = {}): Promise<Buffer> {
  const relation = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument';
  return zip({
    '_rels/.rels': `<?xml version="1.0"?><Relationships><Relationship Id="r1" Type="${relation}" Target="word/document.xml"/></Relationships>`,
    'word/document.xml': `<?xml version="1.0" encoding="UTF-8"?><w:document ${WORD}><w:body>${body}</w:body></w:document>`,
    ...parts,
  });
}

export function wordParagraph(text: string, properties = ''): string {
  const own = properties === '' ? '' : `<w:pPr>${properties}</w:pPr>`;
  return `<w:p>${own}<w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
}

/** Bytes 0x80 to 0x9f of windows-1252. */
export const WINDOWS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** Text in an encoding that Node can only decode: found by decoding all that one or two bytes can be. */
export function encode(text: string, encoding: string): Buffer {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const table = new Map<string, number[]>();
  const learn = (bytes: number[]): void => {
    try {
      const sign = decoder.decode(Uint8Array.from(bytes));
      if (Array.from(sign).length === 1 && !table.has(sign)) table.set(sign, bytes);
    } catch {
      // not a character of this encoding
    }
  };
  // Node 20 decodes these as Latin-1, which has control characters there.
  if (encoding === 'windows-1252') Array.from(WINDOWS).forEach((sign, i) => table.set(sign, [0x80 + i]));
  for (let first = 0; first < 256; first++) learn([first]);
  for (let first = 0x80; first < 256; first++) for (let second = 0x40; second < 256; second++) learn([first, second]);
  return Buffer.from(
    Array.from(text).flatMap((sign) => {
      const bytes = table.get(sign);
      assert.ok(bytes !== undefined, `${encoding} has no ${sign}`);
      return bytes;
    }),
  );
}
