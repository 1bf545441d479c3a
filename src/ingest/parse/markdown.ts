/** Markdown is made a page and read as one, so that HTML within it, tables and code come out alike. */
import MarkdownIt from 'markdown-it';
import { parse as parseYaml } from 'yaml';
import type { JsonObject } from '../../document/types.js';
import { cleanText } from '../clean.js';
import { parseHtml } from './html.js';
import { toJsonObject } from './json.js';
import type { Parsed } from './parsed.js';

const markdown = new MarkdownIt({ html: true });
const LONGEST_FRONT = 64 * 1024;

/** Errors: none; any text can be read as Markdown. */
export function parseMarkdown(source: string): Parsed {
  const { front, body } = splitFront(cleanText(source));
  const page = parseHtml(markdown.render(body));
  const { title, ...rest } = front;
  const named = typeof title === 'string' && title.trim() !== '' ? title.trim() : page.title;
  return { ...page, ...(named !== undefined && { title: named }), metadata: { ...page.metadata, ...rest } };
}

/** The YAML between two lines of `---` at the beginning, when there is such, and the rest. */
function splitFront(source: string): { front: JsonObject; body: string } {
  const whole = { front: {}, body: source };
  if (!source.startsWith('---\n')) return whole;
  const end = /\n(?:---|\.\.\.)[ \t]*(?:\n|$)/.exec(source.slice(3, LONGEST_FRONT));
  if (end === null) return whole;
  try {
    const front: unknown = parseYaml(source.slice(4, 3 + end.index), { maxAliasCount: 20, logLevel: 'error' });
    if (typeof front !== 'object' || front === null || Array.isArray(front)) return whole;
    return { front: toJsonObject(front), body: source.slice(3 + end.index + end[0].length) };
  } catch {
    return whole; // a rule and a paragraph, not front matter
  }
}
