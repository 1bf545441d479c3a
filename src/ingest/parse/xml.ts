/** XML as a sequence of events. Entities of the document's own are not expanded, so that none can grow without end. */
import { Parser } from 'htmlparser2';
import { decode, detectEncoding } from '../encoding.js';

/** Names come without their prefix: `p` for `w:p`. */
export interface XmlHandler {
  open?: (name: string, attribute: (name: string) => string | undefined) => void;
  text?: (text: string) => void;
  close?: (name: string) => void;
}

export function readXml(bytes: Uint8Array, { open, text, close }: XmlHandler): void {
  const local = (name: string): string => name.slice(name.indexOf(':') + 1);
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        open?.(local(name), (wanted) => {
          const key = Object.keys(attributes).find((one) => local(one) === wanted);
          return key === undefined ? undefined : attributes[key];
        });
      },
      ontext: text,
      onclosetag: (name) => close?.(local(name)),
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(decode(bytes, detectEncoding(bytes)));
}
