/** The text that a model gets of a chunk: what stands above it often says what it only calls "it". */

export interface Placed {
  text: string;
  title?: string | undefined;
  headings?: readonly string[] | undefined;
}

/** Title and headings, each once, then the chunk. */
export function embedText({ text, title, headings = [] }: Placed): string {
  const above = [...new Set([...(title === undefined ? [] : [title]), ...headings])];
  const lead = above.filter((line) => line !== '' && !text.startsWith(line)).join('. ');
  return lead === '' ? text : `${lead}\n${text}`;
}
