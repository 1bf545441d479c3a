// Compares queries with chosen rows one by one: for small filters, and where an index cannot filter by itself.
#pragma once

#include <faiss/Index.h>
#include <faiss/impl/DistanceComputer.h>

#include <cstdint>
#include <memory>

#include "core/filter.h"

namespace quiver {

// True where `index` can give the distance of a query to a row by itself (codes, and graphs over codes).
bool can_scan(const faiss::Index& index);

// The k best of `rows` for each of n queries: n * k rows and distances, -1 in places without a hit. The queries are
// in the space of `index`.
void exact_scan(const faiss::Index& index, int64_t n, const float* x, int64_t k, const RowSet& rows, int64_t* out_rows,
                float* out_distances);

// Whether only range_scan() can tell what lies within a radius: FAISS's own search knows l2 and inner product.
bool needs_range_scan(const faiss::Index& index);

// Calls `hit(row, distance)` for every row within `radius` of one query, its border included.
template <typename Hit>
void range_scan(const faiss::Index& index, const float* x, float radius, Hit&& hit) {
  std::unique_ptr<faiss::DistanceComputer> distance(index.get_distance_computer());
  distance->set_query(x);
  const bool similarity = faiss::is_similarity_metric(index.metric_type);
  for (int64_t row = 0; row < index.ntotal; row++) {
    const float d = (*distance)(row);
    if (similarity ? d >= radius : d <= radius) hit(row, d);
  }
}

}  // namespace quiver
