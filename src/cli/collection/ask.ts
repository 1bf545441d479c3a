/** `quiver ask`: an answer with its sources. */
import type { Asked } from '../../collection/types.js';
import type { AskCommandOptions } from '../commands/ask.js';
import type { Context } from '../context.js';
import { seconds, wrap } from '../format.js';
import type { Output } from '../output.js';
import { hitJson, placeOf } from './hits.js';
import { READING, withCollection } from './open.js';
import { searchOptions } from './search.js';

export async function askCollection(
  context: Context,
  name: string,
  question: string,
  options: AskCommandOptions,
): Promise<void> {
  const { output, signal } = context;
  const { sentences, threshold } = options;
  await withCollection(context, name, READING, async (collection) => {
    const asked = await collection.ask(question, {
      ...searchOptions(options),
      ...(sentences !== undefined && { sentences }),
      ...(threshold !== undefined && { threshold }),
      signal,
    });
    const { answer, sources, timings } = asked;
    const json = {
      collection: name,
      question,
      found: answer.found,
      answer: answer.text,
      quotes: answer.quotes,
      sources: sources.map(({ number, hit }) => ({ number, ...hitJson(hit) })),
      seconds: timings,
    };
    output.result(json, () => answerText(asked, output));
    output.note(output.dim(`\n${timingLine(asked)}`));
  });
}

/** The answer, and below it what it cites. */
export function answerText({ answer, sources }: Asked, output: Output): string {
  const text = wrap(answer.text, '');
  if (sources.length === 0) return text;
  const lines = sources.map(({ number, hit }) => `[${number}] ${placeOf(hit)}`);
  return `${text}\n\n${output.dim(lines.join('\n'))}`;
}

export function timingLine({ hits, timings }: Asked): string {
  const { embed, retrieve, answer, total } = timings;
  const parts = `embed ${seconds(embed)}, retrieve ${seconds(retrieve)}, answer ${seconds(answer)}`;
  return `${seconds(total)}: ${parts}; from ${hits.length} passages`;
}
