/** What an index says of itself. */
import type { Handle } from './handle.js';
import type { IndexStats } from './types.js';

export function statsOf({ native, metric, idType, auto }: Handle): IndexStats {
  const stats = native.stats();
  const { M, efConstruction, efSearch, nlist, nprobe } = stats;
  return {
    dim: stats.dim,
    metric,
    idType,
    factory: stats.factory,
    kind: stats.kind,
    count: stats.count,
    deleted: stats.deleted,
    trained: stats.trained,
    bytes: stats.bytes,
    derivedBytes: stats.derivedBytes,
    mapped: stats.mapped,
    generation: stats.generation,
    ...(stats.kind.includes('HNSW') && { M, efConstruction, efSearch }),
    ...(stats.kind.includes('IVF') && { nlist, nprobe }),
    ...(auto && {
      auto: { policy: auto.policy, tier: stats.factory, reason: auto.reason, rebuilding: auto.rebuilding },
    }),
  };
}
