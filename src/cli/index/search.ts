import type { IdArray, SearchOptions } from '../../../lib/types.js';
import type { Index, SearchResult } from '../../../lib/index.js';
import { fileError } from '../../vectors/errors.js';
import { writeVectors } from '../../vectors/write.js';
import { filterOf } from '../arguments.js';
import type { SearchCommandOptions } from '../commands/index-search.js';
import type { Context } from '../context.js';
import { count, seconds, table } from '../format.js';
import { checkOutput, openInputs, readAll } from './inputs.js';
import type { Inputs } from './inputs.js';
import { loadLibrary } from '../library.js';
import { withProgress } from '../progress.js';

/** A person reads this many; the rest goes to --json or --output. */
const SHOWN_QUERIES = 20;

/** The results of one batch of queries. */
interface Found {
  first: number;
  result: SearchResult;
  queryIds: IdArray | undefined;
}

/** `quiver index search`: queries in batches, so that their file may be larger than memory. */
export async function searchIndex(context: Context, path: string, options: SearchCommandOptions): Promise<void> {
  const { output, signal } = context;
  const inputs = await openInputs([options.queries]);
  if (options.output !== undefined) await checkOutput(options.output);
  const { Index, configure } = await loadLibrary();
  if (options.threads !== undefined) configure({ threads: options.threads });
  const index = await withProgress(output, { label: 'open  ', unit: 'bytes' }, (update) =>
    Index.open(path, {
      mmap: options.mmap === true,
      signal,
      onProgress: ({ done, total }) => update(done, total),
    }),
  );
  try {
    checkQueries(index, path, inputs);
    const spent = { search: 0 };
    const found = searchAll(context, index, inputs, options, spent);
    if (options.output === undefined) {
      const batches: Found[] = [];
      for await (const batch of found) batches.push(batch);
      await report(context, path, options.k, batches, spent.search);
    } else {
      const target = options.output;
      const { count: written, bytes } = await writeVectors(target, options.k, idRows(found), { signal });
      const json = { index: path, output: target, k: options.k, queries: written, bytes, seconds: spent.search };
      output.result(
        json,
        () => `${target}  ${count(written)} rows of ${options.k} ids${timing(written, spent.search)}`,
      );
    }
  } finally {
    await index.close();
  }
}

function checkQueries(index: Index, path: string, inputs: Inputs): void {
  if (inputs.dim === index.dim) return;
  throw fileError('E_DIMENSION', inputs.sources[0]?.path ?? '', 'the queries do not fit the index', {
    expected: `${index.dim} numbers a vector, as in ${path}`,
    actual: String(inputs.dim),
  });
}

async function* searchAll(
  { output, signal }: Context,
  index: Index,
  inputs: Inputs,
  options: SearchCommandOptions,
  spent: { search: number },
): AsyncGenerator<Found, void, undefined> {
  const filter = filterOf(options.filterIds, options.filterRange, index.idType);
  const params: SearchOptions = {
    signal,
    ...(options.efSearch !== undefined && { efSearch: options.efSearch }),
    ...(options.nprobe !== undefined && { nprobe: options.nprobe }),
    ...(options.exact === true && { exact: true }),
    ...(filter !== undefined && { filter }),
  };
  let first = 0;
  for await (const batch of readAll(inputs, { signal, limit: options.limit })) {
    const began = performance.now();
    const result = await index.search(batch.vectors, options.k, params);
    spent.search += (performance.now() - began) / 1000;
    yield { first, result, queryIds: batch.ids };
    first += result.n;
    if (first % 100_000 < result.n && first >= 100_000) output.note(`search  ${count(first)} queries`);
  }
}

async function* idRows(found: AsyncIterable<Found>): AsyncGenerator<{ vectors: IdArray }, void, undefined> {
  for await (const { result } of found) yield { vectors: result.ids };
}

async function report({ output }: Context, path: string, k: number, batches: Found[], spent: number): Promise<void> {
  const last = batches.at(-1);
  const queries = last === undefined ? 0 : last.first + last.result.n;
  if (output.json) {
    const results = batches.flatMap(({ first, result, queryIds }) =>
      Array.from(result, (hits, i) => ({
        query: first + i,
        ...(queryIds !== undefined && { id: queryIds[i] }),
        hits,
      })),
    );
    output.result({ index: path, k, queries, seconds: spent, results }, () => '');
    return;
  }
  const rows: string[][] = [];
  for (const { first, result } of batches) {
    for (let i = 0; i < result.n && first + i < SHOWN_QUERIES; i++) {
      result.row(i).forEach(({ id, distance }, rank) => {
        rows.push([rank === 0 ? String(first + i) : '', String(rank + 1), String(id), distance.toPrecision(7)]);
      });
    }
  }
  const text = await table(['query', 'rank', 'id', 'distance'], ['right', 'right', 'right', 'right'], rows);
  output.result(undefined, () => text);
  const hidden = queries - SHOWN_QUERIES;
  const more = hidden > 0 ? `; ${count(hidden)} more are not shown: use --json or -o` : '';
  output.note(output.dim(`${count(queries)} queries${timing(queries, spent)}${more}`));
}

function timing(queries: number, spent: number): string {
  return ` in ${seconds(spent)}${spent > 0 ? ` (${count(queries / spent)} a second)` : ''}`;
}
