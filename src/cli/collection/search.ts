/** `quiver search`: the passages of a collection that fit some words best. */
import type { CollectionSearch } from '../../collection/types.js';
import type { SearchCommandOptions } from '../commands/search.js';
import type { Context } from '../context.js';
import { seconds } from '../format.js';
import { hitJson, placeOf, snippetLines } from './hits.js';
import { READING, withCollection } from './open.js';

export function searchOptions(options: SearchCommandOptions): CollectionSearch {
  const { k, mode, filter, weight, fusion, minScore, minCosine, perDocument, mmr, exact } = options;
  return {
    ...(k !== undefined && { k }),
    ...(mode !== undefined && { mode }),
    ...(filter !== undefined && { filter }),
    ...(weight !== undefined && { weight }),
    ...(fusion !== undefined && { fusion }),
    ...(minScore !== undefined && { minScore }),
    ...(minCosine !== undefined && { minCosine }),
    ...(perDocument !== undefined && { perDocument }),
    ...(mmr !== undefined && { mmr: { lambda: mmr } }),
    ...(exact !== undefined && { exact }),
  };
}

export async function searchCollection(
  context: Context,
  name: string,
  query: string,
  options: SearchCommandOptions,
): Promise<void> {
  const { output, signal } = context;
  await withCollection(context, name, READING, async (collection) => {
    const began = performance.now();
    const { hits, generation } = await collection.search(query, { ...searchOptions(options), signal });
    const spent = (performance.now() - began) / 1000;
    output.result({ collection: name, query, seconds: spent, generation, hits: hits.map(hitJson) }, () =>
      hits.length === 0
        ? 'Nothing was found.'
        : hits
            .map((hit, i) => {
              const head = `${String(i + 1).padStart(2)}  ${placeOf(hit)}  ${output.dim(hit.score.toFixed(3))}`;
              return `${head}\n${snippetLines(hit, output, '    ')}`;
            })
            .join('\n\n'),
    );
    output.note(output.dim(`\n${hits.length} passages in ${seconds(spent)}`));
  });
}
