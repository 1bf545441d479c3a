/** What is known of a text beside its letters: where its pages and its sections begin. */

/** From `start` up to the next section, the text stands below these headings, the outermost first. */
export interface Section {
  start: number;
  headings: readonly string[];
}

export interface Layout {
  /** In the order of their starts. */
  sections?: readonly Section[];
  /** Where each page begins; the first is page 1. */
  pages?: readonly number[];
}

/** The last place of a sorted list whose value is at most `wanted`; -1 when all are larger. */
export function lastAtMost<T>(sorted: readonly T[], wanted: number, value: (item: T) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value(sorted[middle]) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The page, from 1, on which the place is; undefined where there are no pages. */
export function pageAt(layout: Layout, at: number): number | undefined {
  const page = lastAtMost(layout.pages ?? [], at, (start) => start) + 1;
  return page === 0 ? undefined : page;
}

/** The headings that stand above all of `[start, end)`; undefined where there are none. */
export function headingsAbove(layout: Layout, start: number, end: number): readonly string[] | undefined {
  const { sections } = layout;
  if (sections === undefined || sections.length === 0) return undefined;
  let at = lastAtMost(sections, start, (section) => section.start);
  let common = sections[at]?.headings ?? [];
  for (at++; at < sections.length; at++) {
    const section = sections[at];
    if (section === undefined || section.start >= end) break;
    // A text that begins in the preamble, before the first heading, is named by what follows.
    if (at === 0) common = section.headings;
    else common = commonPath(common, section.headings);
  }
  return common.length === 0 ? undefined : common;
}

function commonPath(a: readonly string[], b: readonly string[]): readonly string[] {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return same === a.length ? a : a.slice(0, same);
}
