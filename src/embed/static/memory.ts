/** Arrays in memory that worker threads see without a copy. */
type Kind<T> = new (buffer: SharedArrayBuffer) => T & { BYTES_PER_ELEMENT: number };

export function shared<T>(kind: Kind<T> & { BYTES_PER_ELEMENT: number }, length: number): T {
  return new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT));
}
