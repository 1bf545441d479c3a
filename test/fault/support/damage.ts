/** What disks, networks and hands do to files. Each returns other bytes than it was given. */
import type { Random } from './random.js';

export type Damage = (bytes: Buffer, random: Random) => Buffer;

const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};

const zeroed =
  (length: number): Damage =>
  (bytes, random) =>
    changed(bytes, (copy) => {
      const at = random.below(Math.max(1, copy.length - length));
      const end = Math.min(copy.length, at + length);
      // Zeros over zeros are no damage.
      if (copy.subarray(at, end).every((byte) => byte === 0)) copy[at] = 255;
      else copy.fill(0, at, end);
    });

export const DAMAGES: Readonly<Record<string, Damage>> = {
  'one bit flipped': (bytes, random) =>
    changed(bytes, (copy) => {
      const at = random.below(copy.length);
      copy[at] = copy[at]! ^ (1 << random.below(8));
    }),
  'one bit of the header flipped': (bytes, random) =>
    changed(bytes, (copy) => {
      const at = random.below(Math.min(copy.length, 4_096));
      copy[at] = copy[at]! ^ (1 << random.below(8));
    }),
  '512 bytes zeroed': zeroed(512),
  '4 KiB zeroed': zeroed(4_096),
  truncated: (bytes, random) => Buffer.from(bytes.subarray(0, 1 + random.below(bytes.length - 1))),
  'truncated by a few bytes': (bytes, random) => Buffer.from(bytes.subarray(0, bytes.length - 1 - random.below(16))),
  'halves swapped': (bytes) => {
    const half = bytes.length >> 1;
    return Buffer.concat([bytes.subarray(half), bytes.subarray(0, half)]);
  },
  'two pages swapped': (bytes, random) =>
    changed(bytes, (copy) => {
      const pages = Math.floor(copy.length / 512);
      const from = 512 * random.below(pages);
      const to = 512 * random.below(pages);
      const first = Buffer.from(copy.subarray(from, from + 512));
      const second = Buffer.from(copy.subarray(to, to + 512));
      if (first.equals(second)) copy[from] = copy[from]! ^ 1;
      else {
        second.copy(copy, from);
        first.copy(copy, to);
      }
    }),
  'bytes appended': (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + random.below(5_000), random.below(256))]),
};
