/** Single files out of a ZIP archive, with a bound on what they unpack to. */
import { fromBufferPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { QuiverError } from '../../../lib/errors.js';
import { fileError } from '../../vectors/errors.js';
import { MEBIBYTE } from '../options.js';

const MOST_ENTRIES = 10_000;
/** In all, for the parts of one archive that are read. */
const MOST_BYTES = 128 * MEBIBYTE;
/** Text is packed to a tenth, or to a fiftieth at best. What is packed tighter than this is packed to do harm. */
const MOST_RATIO = 200;
/** Below this the ratio does not matter. */
const HARMLESS = 4 * MEBIBYTE;

export interface Archive {
  has: (part: string) => boolean;
  /** The unpacked bytes of a part; undefined where there is no such part. Errors: E_CORRUPT, E_RANGE, E_UNSUPPORTED. */
  read: (part: string) => Promise<Buffer | undefined>;
}

/** Errors: E_CORRUPT, E_RANGE. */
export async function openArchive(name: string, bytes: Buffer): Promise<Archive> {
  const entries = new Map<string, Entry>();
  let zip: ZipFile;
  try {
    zip = await fromBufferPromise(bytes, { lazyEntries: true, autoClose: false });
    if (zip.entryCount > MOST_ENTRIES) throw tooMany(name, zip.entryCount);
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  } catch (error) {
    throw error instanceof QuiverError ? error : damaged(name, error);
  }
  let left = MOST_BYTES;
  return {
    has: (part) => entries.has(part),
    async read(part) {
      const entry = entries.get(part);
      if (entry === undefined) return undefined;
      left -= entry.uncompressedSize;
      checkSize(name, entry, left);
      return unpack(name, zip, entry);
    },
  };
}

function tooMany(name: string, count: number): QuiverError {
  return fileError('E_RANGE', name, 'the archive holds too many files', {
    expected: `at most ${MOST_ENTRIES}`,
    actual: String(count),
  });
}

function checkSize(name: string, entry: Entry, left: number): void {
  const { fileName, uncompressedSize, compressedSize } = entry;
  if (entry.isEncrypted()) {
    throw fileError('E_UNSUPPORTED', name, 'the file is protected by a password', {
      hint: 'Save a copy without one and read that',
    });
  }
  const ratio = uncompressedSize / Math.max(1, compressedSize);
  const isBomb = left < 0 || (uncompressedSize > HARMLESS && ratio > MOST_RATIO);
  if (!isBomb) return;
  throw fileError('E_RANGE', name, `the file unpacks to too much (a "zip bomb") in ${fileName}`, {
    expected: `at most ${MOST_BYTES / MEBIBYTE} MiB in all and ${MOST_RATIO} times its packed size`,
    actual: `${(uncompressedSize / MEBIBYTE).toFixed(1)} MiB, ${Math.round(ratio)} times`,
  });
}

async function unpack(name: string, zip: ZipFile, entry: Entry): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    // The stream fails by itself when more comes out than the entry states.
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
  } catch (error) {
    throw damaged(name, error);
  }
  return Buffer.concat(parts);
}

function damaged(name: string, error: unknown): QuiverError {
  const reason = error instanceof Error ? error.message : String(error);
  return fileError('E_CORRUPT', name, `the file is damaged or cut off (${reason})`, {
    hint: 'Open it in a word processor; if that can repair it, save a copy',
  });
}
