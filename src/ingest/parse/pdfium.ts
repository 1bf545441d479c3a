/**
 * The PDF engine: PDFium in WebAssembly, which has no way out of its sandbox. It is built without JavaScript, its file system
 * is an empty one in memory, and its memory ends where we say.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PDFiumLibrary } from '@hyzyla/pdfium';

/** What we use of WebAssembly, whose types come with those of browsers only. */
interface WebAssemblyApi {
  compile: (bytes: Uint8Array) => Promise<object>;
  Instance: new (module: object, imports: object) => { exports: unknown };
}
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

/** What we call of PDFium; pointers and handles are numbers. Its header files say what each does. */
export interface PdfiumCalls {
  memory: { readonly buffer: ArrayBuffer };
  malloc: (bytes: number) => number;
  free: (pointer: number) => void;
  FPDF_LoadMemDocument: (bytes: number, size: number, password: number) => number;
  FPDF_CloseDocument: (document: number) => void;
  FPDF_GetLastError: () => number;
  FPDF_GetPageCount: (document: number) => number;
  FPDF_GetMetaText: (document: number, tag: number, buffer: number, size: number) => number;
  FPDF_LoadPage: (document: number, index: number) => number;
  FPDF_ClosePage: (page: number) => void;
  FPDFText_LoadPage: (page: number) => number;
  FPDFText_ClosePage: (textPage: number) => void;
  FPDFText_CountChars: (textPage: number) => number;
  FPDFText_GetText: (textPage: number, start: number, count: number, buffer: number) => number;
  FPDFBookmark_GetFirstChild: (document: number, bookmark: number) => number;
  FPDFBookmark_GetNextSibling: (document: number, bookmark: number) => number;
  FPDFBookmark_GetTitle: (bookmark: number, buffer: number, size: number) => number;
  FPDFBookmark_GetDest: (document: number, bookmark: number) => number;
  FPDFBookmark_GetAction: (bookmark: number) => number;
  FPDFAction_GetDest: (document: number, action: number) => number;
  FPDFDest_GetDestPageIndex: (document: number, dest: number) => number;
}

export interface Pdfium {
  calls: PdfiumCalls;
  maxMemory: number;
  /** Whether it was ever refused memory: what it failed of afterwards. */
  ranOut: () => boolean;
}

/** What the engine calls of its surroundings. */
interface Imports {
  env: Record<string, (bytes: number) => number>;
}

/** Starts an engine whose memory grows to at most `maxMemory` bytes. Takes about 50 ms. */
export async function startPdfium(maxMemory: number): Promise<Pdfium> {
  const file = fileURLToPath(import.meta.resolve('@hyzyla/pdfium/pdfium.wasm'));
  const module = await wasm.compile(new Uint8Array(await readFile(file)));
  let calls: PdfiumCalls | undefined;
  let ranOut = false;
  const instantiateWasm = (imports: Imports, loaded: (instance: object, module: object) => void): unknown => {
    const { env } = imports;
    const resize = env.emscripten_resize_heap;
    env.emscripten_resize_heap = (bytes) => {
      if (resize !== undefined && bytes >>> 0 <= maxMemory) return resize(bytes);
      ranOut = true;
      return 0;
    };
    // It would print before it throws.
    env._abort_js = () => {
      throw new Error('PDFium gave up');
    };
    const instance = new wasm.Instance(module, imports);
    calls = instance.exports as PdfiumCalls;
    loaded(instance, module);
    return instance.exports;
  };
  await PDFiumLibrary.init({ instantiateWasm });
  if (calls === undefined) throw new Error('PDFium did not start');
  return { calls, maxMemory, ranOut: () => ranOut };
}

const UTF16 = new TextDecoder('utf-16le');

/** Bytes of the engine's memory while `use` runs. */
export function withMemory<T>({ malloc, free }: PdfiumCalls, size: number, use: (pointer: number) => T): T {
  const pointer = malloc(size);
  if (pointer === 0) throw new RangeError(`PDFium has no ${size} bytes left`);
  try {
    return use(pointer);
  } finally {
    free(pointer);
  }
}

/** UTF-16 units at a place of the engine's memory. A view is never kept: the memory moves when it grows. */
export function readUtf16({ memory }: PdfiumCalls, pointer: number, units: number): string {
  return UTF16.decode(new Uint8Array(memory.buffer, pointer, units * 2));
}

/** A text that PDFium writes into a buffer whose size it tells when given none. It ends with a zero. */
export function readString(calls: PdfiumCalls, call: (buffer: number, size: number) => number): string {
  const size = call(0, 0);
  if (size <= 2) return '';
  return withMemory(calls, size, (buffer) => {
    call(buffer, size);
    return readUtf16(calls, buffer, size / 2 - 1);
  });
}

export function writeBytes({ memory }: PdfiumCalls, pointer: number, bytes: Uint8Array): void {
  new Uint8Array(memory.buffer).set(bytes, pointer);
}
