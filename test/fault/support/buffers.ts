/** Arrays whose memory is not their own or not there any more. */

/** The tsconfig's library is older than resizable buffers; Node 20 has them. */
type ResizableConstructor = new (
  bytes: number,
  options: { maxByteLength: number },
) => ArrayBuffer & {
  resize(bytes: number): void;
};

export function detach(view: ArrayBufferView): void {
  structuredClone(view, { transfer: [view.buffer as ArrayBuffer] });
}

export function detachedFloats(n: number): Float32Array {
  const floats = new Float32Array(n);
  detach(floats);
  return floats;
}

export function detachedBytes(n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  detach(bytes);
  return bytes;
}

export function sharedFloats(n: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(n * 4));
}

/** A length-tracking view of a buffer that can shrink under it. */
export function resizableFloats(n: number): Float32Array & { buffer: { resize(bytes: number): void } } {
  const buffer = new (ArrayBuffer as unknown as ResizableConstructor)(n * 4, { maxByteLength: n * 8 });
  return new Float32Array(buffer);
}
