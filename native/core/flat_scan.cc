#include "core/flat_scan.h"

#include <faiss/utils/distances.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/crew.h"

namespace quiver {

namespace {

// FAISS hands so many rows at a time to BLAS: a part of other sizes would round otherwise.
constexpr int64_t kRowBlock = 1024;
// Numbers that a thread compares in less time than it takes to wake another one.
constexpr int64_t kLeastWork = 1 << 21;
// Places for hits of all parts, of one block of queries.
constexpr int64_t kMostPlaces = 1 << 22;
// A part is over in some tenths of a second, so that a thread which comes late still finds work.
constexpr int64_t kPartWork = int64_t{1} << 33;

struct Parts {
  int64_t count;
  int64_t rows;  // of each but the last
};

Parts parts_of(const faiss::IndexFlat& index, int64_t n, int threads) {
  const int64_t work = n * index.ntotal * index.d;
  const int64_t wanted = std::max<int64_t>(threads, work / kPartWork);
  const int64_t rows = ((index.ntotal + wanted - 1) / wanted + kRowBlock - 1) / kRowBlock * kRowBlock;
  return {(index.ntotal + rows - 1) / rows, rows};
}

void scan_block(const faiss::IndexFlat& index, int64_t n, const float* x, int64_t k, int threads, int64_t* rows,
                float* distances) {
  const Parts parts = parts_of(index, n, threads);
  const bool descending = index.metric_type == faiss::METRIC_INNER_PRODUCT;
  const auto places = static_cast<size_t>(n * k);
  std::vector<int64_t> found(places * static_cast<size_t>(parts.count));
  std::vector<float> at(found.size());
  const auto d = static_cast<size_t>(index.d);
  run_in_parts(parts.count, threads, [&](int64_t part) {
    const int64_t from = part * parts.rows;
    const auto some = static_cast<size_t>(std::min(parts.rows, index.ntotal - from));
    const float* y = index.get_xb() + static_cast<size_t>(from) * d;
    int64_t* to = found.data() + static_cast<size_t>(part) * places;
    float* scores = at.data() + static_cast<size_t>(part) * places;
    if (descending) {
      faiss::knn_inner_product(x, y, d, static_cast<size_t>(n), some, static_cast<size_t>(k), scores, to);
    } else {
      faiss::knn_L2sqr(x, y, d, static_cast<size_t>(n), some, static_cast<size_t>(k), scores, to);
    }
    for (size_t i = 0; i < places; i++) to[i] += to[i] < 0 ? 0 : from;
  });
  std::vector<std::pair<float, int64_t>> all;
  for (int64_t q = 0; q < n; q++) {
    all.clear();
    for (int64_t part = 0; part < parts.count; part++) {
      const size_t begin = static_cast<size_t>(part) * places + static_cast<size_t>(q * k);
      for (size_t i = begin; i < begin + static_cast<size_t>(k) && found[i] >= 0; i++) {
        all.emplace_back(descending ? -at[i] : at[i], found[i]);
      }
    }
    const auto best = std::min<size_t>(static_cast<size_t>(k), all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<int64_t>(best), all.end());
    for (size_t i = 0; i < static_cast<size_t>(k); i++) {
      const size_t to = static_cast<size_t>(q * k) + i;
      rows[to] = i < best ? all[i].second : -1;
      const float distance = i < best ? all[i].first : std::numeric_limits<float>::infinity();
      distances[to] = descending ? -distance : distance;
    }
  }
}

}  // namespace

bool suits_flat_scan(const faiss::Index& index, int64_t n) {
  const auto* flat = dynamic_cast<const faiss::IndexFlat*>(&index);
  if (flat == nullptr || (flat->metric_type != faiss::METRIC_L2 && flat->metric_type != faiss::METRIC_INNER_PRODUCT)) {
    return false;
  }
  return flat->ntotal >= 2 * kRowBlock && n * flat->ntotal * flat->d >= kLeastWork;
}

void flat_scan(const faiss::IndexFlat& index, int64_t n, const float* x, int64_t k, int threads, int64_t* rows,
               float* distances) {
  int64_t block = std::min(n, kFlatScanBlock);
  while (block > 1 && block * k * parts_of(index, block, threads).count > kMostPlaces) block = (block + 1) / 2;
  for (int64_t from = 0; from < n; from += block) {
    const int64_t some = std::min(block, n - from);
    scan_block(index, some, x + from * index.d, k, threads, rows + from * k, distances + from * k);
  }
}

}  // namespace quiver
