/** Puts a document's text together from its pieces, with breaks between its blocks, and notes its headings. */
import type { Section } from './layout.js';

/** A heading that goes on for longer is a mistake of the page. */
const LONGEST_HEADING = 200;

export interface Built {
  text: string;
  sections: Section[];
}

export interface TextBuilder {
  /** Running text: white space in it is one space. */
  inline: (text: string) => void;
  /** Text that stays as it is, such as code. */
  verbatim: (text: string) => void;
  /** What comes next begins a line. */
  line: () => void;
  /** What comes next begins a line with this, whatever blocks it is wrapped in. Without a next, nothing is written. */
  bullet: (sign: string) => void;
  /** What comes next follows on the same line after this. */
  join: (sign: string) => void;
  /** What comes next begins a paragraph. */
  paragraph: () => void;
  /** A paragraph that is the heading of what follows, up to the next one of its level (1 is the highest) or above. */
  openHeading: (level: number) => void;
  closeHeading: () => void;
  /** What comes next stands below no heading. */
  leaveSections: () => void;
  /** Where the next text will stand. */
  position: () => number;
  build: () => Built;
}

export function createTextBuilder(): TextBuilder {
  const parts: string[] = [];
  const sections: Section[] = [];
  /** The headings above the present place. */
  let path: { level: number; text: string }[] = [];
  let heading: { level: number; from: number; start: number } | undefined;
  let length = 0;
  /** Line breaks that are due before the next text. */
  let breaks = 0;
  let space = false;
  /** A sign that is due, with the breaks before it. */
  let due: { breaks: number; sign: string } | undefined;

  const push = (text: string): void => {
    parts.push(text);
    length += text.length;
  };
  /** Writes the break, the sign or the space that is due. */
  const settle = (): void => {
    const before = due?.breaks ?? breaks;
    if (length > 0 && before > 0) push(before === 1 ? '\n' : '\n\n');
    else if (space && length > 0) push(' ');
    if (due !== undefined) push(due.sign);
    due = undefined;
    breaks = 0;
    space = false;
  };
  const paragraph = (): void => {
    breaks = 2;
  };

  return {
    inline(text) {
      const words = text.replace(/[ \t\n\f\r\u00a0]+/g, ' ');
      if (words.startsWith(' ')) space = true;
      const bare = words.replace(/^ | $/g, '');
      if (bare === '') return;
      settle();
      push(bare);
      space = words.endsWith(' ');
    },
    verbatim(text) {
      // Line ends at its end are breaks like any other: whether more comes is not known yet.
      const bare = text.replace(/\n+$/, '');
      if (bare !== '') {
        settle();
        push(bare);
      }
      breaks = Math.max(breaks, Math.min(text.length - bare.length, 2));
    },
    line() {
      breaks = Math.max(breaks, 1);
    },
    bullet(sign) {
      due = { breaks: Math.max(breaks, 1), sign };
      space = false;
    },
    join(sign) {
      due = { breaks: 0, sign };
      space = false;
    },
    paragraph,
    openHeading(level) {
      paragraph();
      heading = { level, from: parts.length, start: length };
    },
    closeHeading() {
      if (heading === undefined) return;
      const { level, from, start } = heading;
      heading = undefined;
      const written = parts.slice(from).join('');
      const text = written.replace(/\s+/g, ' ').trim().slice(0, LONGEST_HEADING);
      paragraph();
      if (text === '') return;
      path = path.filter((above) => above.level < level);
      path.push({ level, text });
      sections.push({ start: start + written.search(/\S/), headings: path.map((one) => one.text) });
    },
    leaveSections() {
      paragraph();
      path = [];
      if (sections.length > 0) sections.push({ start: length, headings: [] });
    },
    position: () => length,
    build: () => ({ text: parts.join(''), sections }),
  };
}
