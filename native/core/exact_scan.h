// Compares queries with chosen rows one by one: for small filters, and where an index cannot filter by itself.
#pragma once

#include <faiss/Index.h>

#include <cstdint>

#include "core/filter.h"

namespace quiver {

// True where `index` can give the distance of a query to a row by itself (codes, and graphs over codes).
bool can_scan(const faiss::Index& index);

// The k best of `rows` for each of n queries: n * k rows and distances, -1 in places without a hit. The queries are
// in the space of `index`.
void exact_scan(const faiss::Index& index, int64_t n, const float* x, int64_t k, const RowSet& rows, int64_t* out_rows,
                float* out_distances);

}  // namespace quiver
