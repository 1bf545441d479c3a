/** What lies on disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of a file, or of all files in a folder. */
export function sizeOf(place: string): number {
  const about = statSync(place);
  if (!about.isDirectory()) return about.size;
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(place, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}
