// The links of one level of a FAISS graph.
#pragma once

#include <faiss/impl/HNSW.h>

#include <cstddef>

#include "kernels/graph_walk.h"

namespace quiver {

inline kernels::GraphView layer(const faiss::HNSW& hnsw, int level, size_t rows) {
  const auto first = static_cast<size_t>(hnsw.cum_nneighbor_per_level[static_cast<size_t>(level)]);
  const auto end = static_cast<size_t>(hnsw.cum_nneighbor_per_level[static_cast<size_t>(level) + 1]);
  // All links of a node lie in a row, level by level.
  const auto* links = reinterpret_cast<const char*>(hnsw.neighbors.data()) + first * sizeof(int32_t);
  return {reinterpret_cast<const int32_t*>(links), hnsw.offsets.data(), end - first, rows};
}

}  // namespace quiver
