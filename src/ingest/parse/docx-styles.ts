/** Which styles of a Word document are headings. Their ids differ by language; their names, or their levels, tell. */
import { readXml } from './xml.js';

interface Style {
  level?: number;
  basedOn?: string;
  title?: boolean;
}

export interface Styles {
  /** Level of a heading, from 1; undefined for other styles. */
  level: (id: string) => number | undefined;
  isTitle: (id: string) => boolean;
}

/** A style is rarely based on more than three others; damaged ones may be based on themselves. */
const LONGEST_CHAIN = 16;

export function readStyles(xml: Uint8Array | undefined): Styles {
  const styles = new Map<string, Style>();
  let style: Style | undefined;
  readXml(xml ?? new Uint8Array(0), {
    open(name, attribute) {
      const value = attribute('val') ?? '';
      if (name === 'style') {
        style = {};
        styles.set(attribute('styleId') ?? '', style);
      } else if (style === undefined) return;
      else if (name === 'basedOn') style.basedOn = value;
      else if (name === 'outlineLvl') style.level ??= outlineLevel(value);
      else if (name === 'name') {
        const level = /^heading ([1-9])$/i.exec(value)?.[1];
        if (level !== undefined) style.level = Number(level);
        if (/^title$/i.test(value)) style.title = true;
      }
    },
    close(name) {
      if (name === 'style') style = undefined;
    },
  });
  return {
    level(id) {
      for (let at = styles.get(id), chain = 0; at !== undefined && chain < LONGEST_CHAIN; chain++) {
        if (at.level !== undefined) return at.level;
        at = at.basedOn === undefined ? undefined : styles.get(at.basedOn);
      }
      // Some writers leave out the list of styles that come with Word.
      const level = /^heading([1-9])$/i.exec(id)?.[1];
      return level === undefined ? undefined : Number(level);
    },
    isTitle: (id) => styles.get(id)?.title ?? /^title$/i.test(id),
  };
}

/** From Word's count, 0 for the highest and 9 for body text. */
export function outlineLevel(value: string): number | undefined {
  return /^[0-8]$/.test(value) ? Number(value) + 1 : undefined;
}
