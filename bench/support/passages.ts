/** Text as it is: Debian's package descriptions, joined to passages of the length of a chunk, and vectors that lie as embeddings do. */
import { execFileSync } from 'node:child_process';
import { mulberry32 } from './data.js';

export interface Passages {
  /** Says what it is, also when it is not what was wanted. */
  name: string;
  /** One line a package: its name and what it is. */
  lines: string[];
}

export function passages(): Passages {
  try {
    const text = execFileSync('apt-cache', ['dumpavail'], { encoding: 'utf8', maxBuffer: 1 << 30 });
    const found = text.matchAll(/^Package: (.+)\n(?:(?!Package: ).*\n)*?Description: (.+)$/gm);
    const lines = Array.from(found, ([, name = '', what = '']) => `${name}: ${what}.`);
    if (lines.length > 10_000) return { name: `${lines.length} package descriptions of Debian`, lines };
  } catch {
    // No apt here.
  }
  return { name: 'made-up words (no package descriptions here)', lines: madeUp(60_000) };
}

/** Words by Zipf's law, ten a line. */
function madeUp(count: number): string[] {
  const random = mulberry32(5);
  const word = (): string => `w${Math.floor(30_000 ** random()).toString(36)}`;
  return Array.from({ length: count }, () => `${Array.from({ length: 10 }, word).join(' ')}.`);
}

/** A passage of about `length` characters: neighbouring lines from a random place on. */
export function passage(lines: readonly string[], random: () => number, length: number): string {
  let text = '';
  for (let at = Math.floor(random() * lines.length); text.length < length; at++)
    text += `${lines[at % lines.length] ?? ''} `;
  return text.slice(0, length);
}

/** `count` vectors around centres that lie at random; the spread within a cluster is about that between neighbours. */
export function clusters(count: number, dim: number, seed: number, centres = 500): Float32Array {
  const place = mulberry32(7);
  const middle = Float32Array.from({ length: centres * dim }, () => place() + place() - 1);
  const random = mulberry32(seed);
  const vectors = new Float32Array(count * dim);
  for (let i = 0; i < count; i++) {
    const centre = Math.floor(random() * centres) * dim;
    for (let j = 0; j < dim; j++) vectors[i * dim + j] = (middle[centre + j] ?? 0) + (random() + random() - 1) * 0.7;
  }
  return vectors;
}

/** Several words of one line, as people ask. */
export function questions(count: number): string[] {
  const { lines } = passages();
  const random = mulberry32(11);
  return Array.from({ length: count }, () => {
    const line = lines[Math.floor(random() * lines.length)] ?? '';
    const words = line
      .slice(line.indexOf(':') + 1)
      .split(/\W+/)
      .filter(Boolean);
    return words.slice(0, 3 + Math.floor(random() * 6)).join(' ');
  });
}
