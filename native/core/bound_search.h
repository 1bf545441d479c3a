// Exact search of plain vectors by codes with a bound (bound_codes.h), for a few queries at a time.
//
// One scan of the codes keeps what may be near, by a limit that falls as nearer rows are found; finer codes leave out
// most of what was kept; the vectors that are left are compared themselves.
#pragma once

#include <faiss/IndexFlat.h>

#include <cstdint>
#include <functional>

#include "core/bound_codes.h"

namespace quiver {

struct BoundSearch {
  const BoundCodes& codes;
  const faiss::IndexFlat& index;
  int64_t k;
  int threads;
  const std::function<bool(int64_t)>& allowed;  // empty: all
};

// The k nearest of each of `count` queries, up to kernels::kTileQueries; -1 in places without a hit. Returns how many
// vectors it looked at.
int64_t search_by_bound(const BoundSearch& search, int64_t count, const BoundQuery* queries, const float* x,
                        int64_t* rows, float* distances);

}  // namespace quiver
