// What a search over one of FAISS's indexes must answer, told by brute force over the vectors that the index holds.
#pragma once

#include <faiss/IndexFastScan.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexLSH.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>

#include "core/filter.h"
#include "core/rebuild.h"
#include "core/searcher.h"
#include "core/structure.h"
#include "test/support.h"

namespace quiver::test {

// The vectors of an index as its codes keep them, and queries, both behind its transforms: there its distances are
// plain ones.
struct Decoded {
  int64_t dim = 0;
  std::vector<float> rows;
  std::vector<float> queries;
};

inline Decoded decode(Body& body, const std::vector<float>& queries) {
  Decoded decoded;
  faiss::Index* index = body.index.get();
  const auto n = static_cast<int64_t>(queries.size()) / index->d;
  decoded.queries = queries;
  if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index)) {
    std::unique_ptr<const float[]> changed(transform->apply_chain(n, queries.data()));
    index = transform->index;
    decoded.queries.assign(changed.get(), changed.get() + n * index->d);
  }
  if (auto* lists = as_ivf(index); lists != nullptr && lists->direct_map.no()) lists->make_direct_map(true);
  decoded.dim = index->d;
  decoded.rows.resize(static_cast<size_t>(index->ntotal * index->d));
  for (int64_t row = 0; row < index->ntotal; row++) {
    reconstruct_row(*index, row, decoded.rows.data() + row * index->d);
  }
  return decoded;
}

// FastScan rounds its distances and a refined index ranks twice, so only these give a decoded vector's own distance.
inline bool has_plain_distances(const faiss::Index& index) {
  const faiss::Index* base = base_of(&index);
  return dynamic_cast<const faiss::IndexFastScan*>(base) == nullptr &&
         dynamic_cast<const faiss::IndexIVFFastScan*>(base) == nullptr &&
         dynamic_cast<const faiss::IndexLSH*>(base) == nullptr &&
         dynamic_cast<const faiss::IndexRefine*>(&index) == nullptr;
}

// The rows that a search may return.
inline std::vector<int64_t> allowed_rows(const Body& body, const RowSet* allowed) {
  std::vector<int64_t> rows = body.rows.live_rows();
  if (allowed != nullptr) {
    rows.erase(std::remove_if(rows.begin(), rows.end(), [&](int64_t row) { return !allowed->has(row); }), rows.end());
  }
  return rows;
}

// What holds for every answer: rows that may be there, none twice, best first, -1 only at the end and only where
// nothing is left.
inline void expect_wellformed(const std::vector<int64_t>& allowed, Metric metric, int64_t n, int64_t k,
                              const int64_t* rows, const float* distances, bool full) {
  const auto places = std::min<int64_t>(k, static_cast<int64_t>(allowed.size()));
  for (int64_t q = 0; q < n; q++) {
    const int64_t* row = rows + q * k;
    const float* distance = distances + q * k;
    std::vector<int64_t> seen;
    for (int64_t i = 0; i < k; i++) {
      if (row[i] < 0) {
        ASSERT_EQ(row[i], -1);
        ASSERT_TRUE(std::isinf(distance[i])) << "an empty place has the worst distance";
        ASSERT_TRUE(!full || i >= places) << "query " << q << " has " << i << " hits of " << places;
        continue;
      }
      ASSERT_TRUE(i == 0 || row[i - 1] >= 0) << "a hit behind an empty place";
      ASSERT_TRUE(std::binary_search(allowed.begin(), allowed.end(), row[i])) << "row " << row[i] << " is not allowed";
      ASSERT_TRUE(std::isfinite(distance[i]));
      const float before = i > 0 ? distance[i - 1] : distance[i];
      ASSERT_TRUE(is_similarity(metric) ? distance[i] <= before : distance[i] >= before) << "place " << i;
      seen.push_back(row[i]);
    }
    std::sort(seen.begin(), seen.end());
    ASSERT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << "a row twice";
  }
}

// The distances are those of the k nearest, and each row has the distance that it is said to have.
inline void expect_exact(const Decoded& decoded, Metric metric, const std::vector<int64_t>& allowed, int64_t n,
                         int64_t k, const int64_t* rows, const float* distances) {
  const auto at = [&](int64_t row) { return decoded.rows.data() + row * decoded.dim; };
  for (int64_t q = 0; q < n; q++) {
    const float* query = decoded.queries.data() + q * decoded.dim;
    const auto expected = brute_force(metric, decoded.dim, query, allowed, at);
    for (int64_t i = 0; i < std::min<int64_t>(k, static_cast<int64_t>(expected.size())); i++) {
      const double best = expected[static_cast<size_t>(i)].distance;
      ASSERT_NEAR(distances[q * k + i], best, 10 * tolerance(best)) << "query " << q << ", place " << i;
      const double own = distance_of(metric, decoded.dim, query, at(rows[q * k + i]));
      ASSERT_NEAR(distances[q * k + i], own, 10 * tolerance(own)) << "query " << q << ", row " << rows[q * k + i];
    }
  }
}

// The share of the k nearest that an answer has.
inline double recall(const Decoded& decoded, Metric metric, const std::vector<int64_t>& allowed, int64_t n, int64_t k,
                     const int64_t* rows) {
  int64_t found = 0, all = 0;
  for (int64_t q = 0; q < n; q++) {
    const auto expected = brute_force(metric, decoded.dim, decoded.queries.data() + q * decoded.dim, allowed,
                                      [&](int64_t row) { return decoded.rows.data() + row * decoded.dim; });
    const auto places = std::min<int64_t>(k, static_cast<int64_t>(expected.size()));
    all += places;
    for (int64_t i = 0; i < places; i++) {
      const int64_t* end = rows + (q + 1) * k;
      if (std::find(rows + q * k, end, expected[static_cast<size_t>(i)].id) != end) found++;
    }
  }
  return all == 0 ? 1.0 : static_cast<double>(found) / static_cast<double>(all);
}

}  // namespace quiver::test
