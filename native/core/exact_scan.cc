#include "core/exact_scan.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/utils/Heap.h>

#include <memory>
#include <vector>

#include "core/structure.h"

namespace quiver {

namespace {

// C is CMax for distances (the worst kept is the largest) and CMin for similarities.
template <typename C>
void scan(const faiss::Index& index, int64_t n, const float* x, int64_t k, const std::vector<int64_t>& rows,
          int64_t* out_rows, float* out_distances) {
  std::unique_ptr<faiss::DistanceComputer> distance(index.get_distance_computer());
  for (int64_t q = 0; q < n; q++) {
    distance->set_query(x + q * index.d);
    float* best = out_distances + q * k;
    int64_t* best_rows = out_rows + q * k;
    faiss::heap_heapify<C>(k, best, best_rows);
    auto offer = [&](float d, int64_t row) {
      if (C::cmp(best[0], d)) faiss::heap_replace_top<C>(k, best, best_rows, d, row);
    };
    size_t i = 0;
    for (; i + 4 <= rows.size(); i += 4) {
      float d[4];
      distance->distances_batch_4(rows[i], rows[i + 1], rows[i + 2], rows[i + 3], d[0], d[1], d[2], d[3]);
      for (size_t j = 0; j < 4; j++) offer(d[j], rows[i + j]);
    }
    for (; i < rows.size(); i++) offer((*distance)(rows[i]), rows[i]);
    faiss::heap_reorder<C>(k, best, best_rows);
  }
}

}  // namespace

bool can_scan(const faiss::Index& index) {
  if (const auto* hnsw = as_hnsw(&index)) return hnsw->storage != nullptr && as_codes(hnsw->storage) != nullptr;
  return as_codes(&index) != nullptr;
}

bool needs_range_scan(const faiss::Index& index) {
  const bool known = index.metric_type == faiss::METRIC_L2 || index.metric_type == faiss::METRIC_INNER_PRODUCT;
  return !known && dynamic_cast<const faiss::IndexFlat*>(&index) != nullptr;
}

void exact_scan(const faiss::Index& index, int64_t n, const float* x, int64_t k, const RowSet& rows, int64_t* out_rows,
                float* out_distances) {
  const faiss::Index* storage = &index;
  if (const auto* hnsw = as_hnsw(&index)) storage = hnsw->storage;
  std::vector<int64_t> list;
  list.reserve(static_cast<size_t>(rows.count()));
  rows.for_each([&](int64_t row) { list.push_back(row); });
  if (faiss::is_similarity_metric(storage->metric_type)) {
    scan<faiss::CMin<float, int64_t>>(*storage, n, x, k, list, out_rows, out_distances);
  } else {
    scan<faiss::CMax<float, int64_t>>(*storage, n, x, k, list, out_rows, out_distances);
  }
}

}  // namespace quiver
