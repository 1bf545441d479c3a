/**
 * Plain FAISS files, written field by field as faiss/impl/index_write.cpp does, so that a test can put a wrong number
 * into any place. Everything left out is sound.
 */

type Part = Buffer | Part[];

const flattened = (part: Part): Buffer[] => (Buffer.isBuffer(part) ? [part] : part.flatMap(flattened));
export const join = (...parts: Part[]): Buffer => Buffer.concat(flattened(parts));

const fixed = (bytes: number, write: (buffer: Buffer) => void): Buffer => {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
};
export const u8 = (value: number): Buffer => Buffer.from([value & 255]);
export const i32 = (value: number): Buffer => fixed(4, (b) => b.writeInt32LE(value | 0));
export const f32 = (value: number): Buffer => fixed(4, (b) => b.writeFloatLE(value));
export const f64 = (value: number): Buffer => fixed(8, (b) => b.writeDoubleLE(value));
export const i64 = (value: number | bigint): Buffer =>
  fixed(8, (b) => b.writeBigInt64LE(BigInt.asIntN(64, BigInt(value))));
export const mark = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A vector: its length, then its elements. `length` lies about it. */
export const list = <T>(
  of: (value: T) => Buffer,
  values: readonly T[],
  length: number | bigint = values.length,
): Part => [i64(length), values.map(of)];

export const L2 = 1;

export interface Head {
  d?: number;
  rows?: number | bigint;
  trained?: number;
  metric?: number;
}
export const head = ({ d = 2, rows = 3, trained = 1, metric = L2 }: Head = {}): Part => [
  i32(d),
  i64(rows),
  i64(1 << 20),
  i64(1 << 20),
  u8(trained),
  i32(metric),
];

const counting = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export function flat(options: Head & { values?: readonly number[]; length?: number | bigint } = {}): Buffer {
  const { d = 2, rows = 3, values = counting(d * Number(rows)), length } = options;
  return join(mark('IxF2'), head({ d, rows, ...options }), list(f32, values, length));
}

export interface GraphOptions extends Head {
  kind?: string;
  chances?: readonly number[];
  cumulative?: readonly number[];
  levels?: readonly number[];
  offsets?: readonly number[];
  links?: readonly number[];
  entry?: number;
  top?: number;
  efConstruction?: number;
  efSearch?: number;
  storage?: Buffer;
}
/** Three rows; the last one has an upper level. */
export function hnsw(options: GraphOptions = {}): Buffer {
  const {
    kind = 'IHNf',
    chances = [0.9, 0.1],
    cumulative = [0, 4, 6],
    levels = [1, 1, 2],
    offsets = [0, 4, 8, 14],
    links = [1, 2, -1, -1, 0, 2, -1, -1, 0, 1, -1, -1, -1, -1],
    entry = 2,
    top = 1,
    efConstruction = 40,
    efSearch = 16,
    storage = flat(),
  } = options;
  return join(
    mark(kind),
    head(options),
    list(f64, chances),
    list(i32, cumulative),
    list(i32, levels),
    list(i64, offsets),
    list(i32, links),
    [i32(entry), i32(top), i32(efConstruction), i32(efSearch), i32(1)],
    storage,
  );
}

export interface ListsOptions extends Head {
  kind?: string;
  nlist?: number | bigint;
  nprobe?: number;
  quantizer?: Buffer;
  /** Between the header and the lists: what the kind has there. */
  middle?: Part;
  directMap?: Part;
  codeSize?: number | bigint;
  ids?: readonly (readonly number[])[];
  codeBytes?: number;
  sizes?: readonly (number | bigint)[];
  lists?: Part;
}
/** Two lists with three rows of IVFFlat. */
export function ivf(options: ListsOptions = {}): Buffer {
  const {
    kind = 'IwFl',
    nlist = 2,
    nprobe = 1,
    quantizer = flat({ rows: 2 }),
    middle = [],
    directMap = [u8(0), i64(0)],
    codeSize = 8,
    ids = [[0, 2], [1]],
    codeBytes = Number(codeSize),
  } = options;
  const sizes: readonly (number | bigint)[] = options.sizes ?? ids.map((one) => one.length);
  const arrays = [
    mark('ilar'),
    i64(nlist),
    i64(codeSize),
    mark('full'),
    list(i64, sizes),
    ids.map((one) => [Buffer.alloc(one.length * codeBytes), one.map(i64)]),
  ];
  return join(
    mark(kind),
    head(options),
    i64(nlist),
    i64(nprobe),
    quantizer,
    directMap,
    middle,
    options.lists ?? arrays,
  );
}

export interface PqOptions extends Head {
  parts?: number | bigint;
  bits?: number | bigint;
  centroids?: readonly number[];
  codes?: number;
  length?: number | bigint;
}
/** A product quantizer as such: two parts of one dimension, four centroids each. */
export const productQuantizer = ({ d = 2, parts = 2, bits = 2, centroids = counting(8) }: PqOptions = {}): Part => [
  i64(d),
  i64(parts),
  i64(bits),
  list(f32, centroids),
];
export function pq(options: PqOptions = {}): Buffer {
  const { codes = 3, length } = options;
  const bytes = list(u8, counting(codes), length);
  return join(mark('IxPq'), head(options), productQuantizer(options), bytes, [i32(0), u8(0), i32(0)]);
}

export interface SqOptions extends Head {
  type?: number;
  size?: number;
  range?: readonly number[];
  codes?: number;
}
export function sq(options: SqOptions = {}): Buffer {
  const { d = 2, type = 0, size = d, range = [0, 0, 1, 1], codes = 3 * size } = options;
  const quantizer = [i32(type), i32(0), f32(0), i64(d), i64(size), list(f32, range)];
  return join(mark('IxSQ'), head(options), quantizer, list(u8, counting(codes)));
}

export function idMap(options: Head & { kind?: string; ids?: readonly number[]; inner?: Buffer } = {}): Buffer {
  const { kind = 'IxMp', ids = [10, 20, 30], inner = flat() } = options;
  return join(mark(kind), head(options), inner, list(i64, ids));
}

/** A square matrix in front of `inner`. */
export function transformed(
  options: Head & { chain?: Part; steps?: number; matrix?: readonly number[]; inner?: Buffer; out?: number } = {},
): Buffer {
  const { d = 2, out = 2, matrix = [1, 0, 0, 1], inner = flat(), steps = 1 } = options;
  const chain = options.chain ?? [
    mark('LTra'),
    u8(0),
    list(f32, matrix),
    list(f32, [] as number[]),
    [i32(d), i32(out), u8(1)],
  ];
  return join(mark('IxPT'), head(options), i32(steps), chain, inner);
}

export function refined(options: Head & { base?: Buffer; refine?: Buffer; factor?: number } = {}): Buffer {
  const { base = sq(), refine = flat(), factor = 1 } = options;
  return join(mark('IxRF'), head(options), base, refine, f32(factor));
}
