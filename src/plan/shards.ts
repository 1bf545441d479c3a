/** Into how many collections on machines like this one the data must be divided, and the cores for all of them. */
import type { Laws } from './laws.js';
import type { Shards } from './types.js';

/** The guide's targets: memory below 80 %, cores below 70 %. */
export const MEMORY_TARGET = 0.8;
export const CORE_TARGET = 0.7;

export interface Bounds {
  memoryBytes: number;
  shardBytes: number;
}

export function shardsFor(chunks: number, laws: Laws, { memoryBytes, shardBytes }: Bounds): Shards {
  const whole = laws.at(chunks);
  const none = laws.at(0);
  // Each shard is a process of its own, with all that does not depend on the data. Where that alone is too much, more shards do not help.
  const room = Math.max(memoryBytes * MEMORY_TARGET - none.memory.bytes, memoryBytes * 0.05);
  const forMemory = Math.max(1, Math.ceil((whole.memory.bytes - none.memory.bytes) / room));
  const free = Math.max(shardBytes - none.disk.bytes, shardBytes * 0.05);
  const forDisk = Math.max(1, Math.ceil((whole.disk.bytes - none.disk.bytes) / free));
  const count = Math.max(forMemory, forDisk);
  const each = laws.at(chunks / count);
  return { count, forMemory, forDisk, memoryBytes: each.memory.bytes, diskBytes: each.disk.bytes };
}

/** Every query goes to every shard, which makes each of them shorter, and the sum longer where a part of it is fixed. */
export function coresFor(peakQps: number, chunks: number, shards: number, laws: Laws): number {
  const { qpsPerCore } = laws.at(chunks / shards).query;
  return Math.max(1, Math.ceil((peakQps * shards) / qpsPerCore / CORE_TARGET));
}
