import { ByteInput } from './bytes.js';
import { fileError, throwIfAborted } from './errors.js';
import { MAX_DIM, rowsPerBatch } from './types.js';
import type { ReadOptions, VectorBatch, VectorFormat, VectorSource } from './types.js';

/** A file in which every vector takes the same number of bytes, one after the other. */
export interface FixedLayout {
  format: VectorFormat;
  dim: number;
  /** What the header says; undefined where the format has no count and the size is not known. */
  count: number | undefined;
  /** Bytes before the first vector. */
  dataOffset: number;
  /** Bytes of one vector in the file. */
  rowBytes: number;
  /** Turns `rows` whole vectors into floats. `offset` is where `raw` begins in the file, for errors. */
  decode: (raw: Uint8Array<ArrayBuffer>, rows: number, offset: number) => Float32Array;
}

export function checkDim(path: string, dim: number, at: string): void {
  if (dim >= 1 && dim <= MAX_DIM) return;
  throw fileError('E_CORRUPT', path, 'bad vector size in the header', {
    at,
    expected: `1 to ${MAX_DIM} numbers a vector`,
    actual: String(dim),
  });
}

/** A source over a layout, refused when the header and the size of the file do not fit together. */
export function fixedSource(input: ByteInput, layout: FixedLayout): VectorSource {
  checkSize(input, layout);
  const { path } = input;
  const { format, dim, count } = layout;
  return { path, format, dim, count, hasIds: false, read: (options) => readRows(path, layout, options) };
}

function checkSize(input: ByteInput, { format, dim, count, dataOffset, rowBytes }: FixedLayout): void {
  if (input.size === undefined || count === undefined) return;
  const expected = dataOffset + count * rowBytes;
  if (input.size === expected) return;
  const sum = `${dataOffset} of header + ${count} vectors x ${rowBytes} bytes (${dim} numbers each)`;
  throw fileError('E_CORRUPT', input.path, `the size does not fit the ${format} header`, {
    at: `byte ${Math.min(input.size, expected)}`,
    expected: `${expected} bytes (${sum})`,
    actual: `${input.size} bytes`,
    hint: input.size < expected ? 'The file is cut off: copy or write it again' : 'There is more behind the vectors',
  });
}

async function* readRows(
  path: string,
  layout: FixedLayout,
  { limit = Infinity, batchBytes, signal }: ReadOptions = {},
): AsyncGenerator<VectorBatch, void, undefined> {
  const input = await ByteInput.open(path);
  try {
    await input.fill(new Uint8Array(layout.dataOffset));
    const batch = rowsPerBatch(layout.dim, batchBytes);
    let left = Math.min(limit, layout.count ?? Infinity);
    while (left > 0) {
      throwIfAborted(signal);
      const offset = input.offset;
      const raw = new Uint8Array(Math.min(batch, left) * layout.rowBytes);
      const bytes = await input.fill(raw);
      const rows = Math.floor(bytes / layout.rowBytes);
      const last = bytes < raw.length;
      if (rows > 0) yield { vectors: layout.decode(last ? raw.slice(0, rows * layout.rowBytes) : raw, rows, offset) };
      left -= rows;
      if (last) {
        checkCutOff(input, layout, bytes % layout.rowBytes, left);
        return;
      }
    }
    if (left === 0 && limit >= (layout.count ?? Infinity)) await checkEnd(input, layout);
  } finally {
    await input.close();
  }
}

/** The file ended inside a vector, or before the count that its header gives. */
function checkCutOff(input: ByteInput, layout: FixedLayout, part: number, left: number): void {
  if (part === 0 && (layout.count === undefined || left === 0)) return;
  throw fileError('E_CORRUPT', input.path, 'the file ends too early', {
    at: `byte ${input.offset}`,
    expected: layout.count === undefined ? `whole vectors of ${layout.rowBytes} bytes` : `${layout.count} vectors`,
    actual: part === 0 ? `${(layout.count ?? left) - left} vectors` : `${part} bytes of the last one`,
    hint: 'It is cut off: copy or write it again',
  });
}

/** A gzipped file shows only at its end that there is more in it than its header says. */
async function checkEnd(input: ByteInput, layout: FixedLayout): Promise<void> {
  if ((await input.fill(new Uint8Array(1))) === 0) return;
  throw fileError('E_CORRUPT', input.path, `there is more in it than the ${layout.format} header says`, {
    at: `byte ${input.offset - 1}`,
    expected: `the end, after ${layout.count ?? 0} vectors`,
    actual: 'more bytes',
  });
}
