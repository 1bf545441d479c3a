/**
 * Reading documents: 142 real PDFs into chunks, against pdf.js in one thread with the same chunks made of its text; and how
 * fast text is cut.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chunkSpans, chunkText } from '../src/ingest/chunk.js';
import { ingest } from '../src/ingest/ingest.js';
import { checkIngestOptions } from '../src/ingest/options.js';
import { joinPages } from '../src/ingest/parse/pdf-text.js';
import type { Parsed } from '../src/ingest/parse/parsed.js';
import { parsePdf } from '../src/ingest/parse/pdf.js';
import { loadPdfJs } from './support/pdfjs.js';
import type { PdfReader } from './support/pdfjs.js';
import { atLeast, ratioCell } from './support/report.js';
import type { Benchmark, Context, Goal, Outcome } from './support/report.js';
import { alternate, rate, repetitions, speedRatio, timedAsync, timedCpu, timesOf } from './support/rounds.js';
import type { Side, Times } from './support/rounds.js';
import { spread } from './support/statistics.js';

const PDF_GOAL = 3;
const CHUNK_GOAL_MB = 50;
const QUICK_FILES = 25;
const SIZE = { size: 1000, overlap: 200 };

const script = fileURLToPath(new URL('../../scripts/fetch-data.mjs', import.meta.url));

async function pdfFiles(quick: boolean): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'pdfs']);
  const folder = stdout.trim();
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.pdf')).sort();
  return names.slice(0, quick ? QUICK_FILES : names.length).map((name) => join(folder, name));
}

/** What one way of reading made of the files: it must be about the same for all of them. */
interface Read {
  chunks: number;
  characters: number;
}

async function all(files: readonly string[]): Promise<Read> {
  const read = { chunks: 0, characters: 0 };
  for await (const event of ingest(files)) {
    if (event.kind === 'failed') throw event.error;
    if (event.kind !== 'document') continue;
    for (const { text, chunks } of event.documents) {
      read.characters += text.length;
      read.chunks += chunks.length;
    }
  }
  return read;
}

async function oneByOne(
  files: readonly string[],
  parse: (bytes: Uint8Array) => Promise<Pick<Parsed, 'text' | 'pages' | 'sections'>>,
): Promise<Read> {
  const read = { chunks: 0, characters: 0 };
  for (const file of files) {
    const parsed = await parse(readFileSync(file));
    read.characters += parsed.text.length;
    read.chunks += chunkText(parsed.text, { ...SIZE, ...parsed }).length;
  }
  return read;
}

function sides(files: readonly string[], pdfjs: PdfReader | undefined, reads: Map<string, Read>): Side[] {
  const { read } = checkIngestOptions({});
  const side = (name: string, work: () => Promise<Read>): Side => ({
    name,
    run: () => timedAsync(async () => reads.set(name, await work())),
  });
  const ours = [
    side('ingest', () => all(files)),
    side('PDFium, one thread', () => oneByOne(files, (bytes) => parsePdf('', bytes, read))),
  ];
  if (pdfjs === undefined) return ours;
  const theirs = async (bytes: Uint8Array): Promise<{ text: string; pages: readonly number[] }> => {
    const { text, starts } = joinPages(await pdfjs.read(bytes));
    return { text, pages: starts };
  };
  return [...ours, side('pdf.js, one thread', () => oneByOne(files, theirs))];
}

/** Megabytes of UTF-8 a second of CPU time, of the text of the PDFs. */
async function chunking(
  files: readonly string[],
  { rounds, quick }: Context,
): Promise<{ times: Times; bytes: number }> {
  const { read } = checkIngestOptions({});
  const parsed: string[] = [];
  for (const file of files) parsed.push((await parsePdf('', readFileSync(file), read)).text);
  const text = parsed.join('\n\n');
  const cut = (): number => chunkSpans(text, SIZE).length;
  const calls = await repetitions(cut, quick ? 0.2 : 0.6);
  const run = (): number =>
    timedCpu(() => {
      for (let call = 0; call < calls; call++) cut();
    });
  return { times: await alternate([{ name: 'chunks', run }], rounds), bytes: Buffer.byteLength(text) * calls };
}

async function run(context: Context): Promise<Outcome> {
  const files = await pdfFiles(context.quick);
  const bytes = files.reduce((sum, file) => sum + readFileSync(file).length, 0);
  let trouble = '';
  const pdfjs = await loadPdfJs().catch((error: unknown) => {
    trouble = error instanceof Error ? error.message : String(error);
    return undefined;
  });
  const reads = new Map<string, Read>();
  const compared = sides(files, pdfjs, reads);
  context.say(`${files.length} PDFs, read in ${compared.length} ways`);
  const times = await alternate(compared, context.rounds);
  context.say('cutting text');
  const cut = await chunking(files, context);
  const speed = spread(timesOf(cut.times, 'chunks').map((seconds) => cut.bytes / 1e6 / seconds));
  const goals: Goal[] = [atLeast('cutting plain text into chunks', speed.median, CHUNK_GOAL_MB, 'MB/s')];
  const theirs = 'pdf.js, one thread';
  const over = (name: string) => (pdfjs === undefined ? undefined : speedRatio(times, name, theirs));
  const ratio = over('ingest');
  if (ratio !== undefined) goals.unshift(atLeast('PDFs: ingest / pdf.js in one thread', ratio.median, PDF_GOAL));
  return {
    setting: { files: files.length, bytes, chunk: SIZE, rounds: context.rounds, pdfjs: pdfjs?.version },
    head: ['way', 'files/s', 'chunks', 'characters', 'times as fast as pdf.js'],
    rows: compared.map(({ name }) => {
      const ratioOf = over(name);
      const read = reads.get(name);
      return [
        name,
        rate(times, name, files.length).median.toFixed(1),
        String(read?.chunks),
        String(read?.characters),
        ratioOf === undefined ? '' : ratioCell(ratioOf),
      ];
    }),
    goals,
    measured: {
      seconds: Object.fromEntries(compared.map(({ name }) => [name, spread(timesOf(times, name))])),
      ratio,
      reads: Object.fromEntries(reads),
      chunkMegabytesPerSecond: speed,
    },
    notes: [
      'ingest counts everything: its process and threads are started anew in each round.',
      ...(pdfjs === undefined ? [`pdf.js was not measured: it could not be had (${trouble.split('\n')[0]})`] : []),
    ],
  };
}

export const benchmark: Benchmark = { title: 'Reading documents: PDFs into chunks, against pdf.js', run };
