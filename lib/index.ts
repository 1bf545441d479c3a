/** The public face of `faiss-quiver`. This file only exports. */
export { QuiverError, type ErrorCode } from './errors.js';
export { GpuIndex } from './gpu-index.js';
export { RangeResult, SearchResult } from './results.js';
export { configure, system, type SystemInfo } from './system.js';
export type * from './types.js';
export { Index } from './vector-index.js';
