// Answers queries over one FAISS index and its rows. Knows nothing of locks, threads or ids: its results are rows.
#pragma once

#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/factory.h"
#include "core/filter.h"
#include "core/flat_codes.h"
#include "core/graph_codes.h"
#include "core/structure.h"

namespace quiver {

inline constexpr int64_t kMaxK = 1 << 20;

struct SearchOptions {
  int64_t k = 10;
  int ef_search = 0;  // 0: the index's own
  int nprobe = 0;     // 0: the index's own
  bool exact = false;
  int threads = 0;  // 0: all
  int crew = 1;     // threads for this one search, where its kind can be searched by several
  std::shared_ptr<const Filter> filter;

  // Two calls that may be answered as one batch.
  bool joins(const SearchOptions& other) const {
    return k == other.k && ef_search == other.ef_search && nprobe == other.nprobe && exact == other.exact &&
           threads == 0 && other.threads == 0 && !filter && !other.filter;
  }
};

struct RangeHits {
  std::vector<size_t> offsets;  // n + 1
  std::vector<int64_t> rows;
  std::vector<float> distances;
};

class Searcher {
 public:
  // `shape` is the index's own. `allowed` null: all live rows. `codes` null: FAISS walks the graph itself. `exact`
  // null: plain vectors are compared as they are.
  Searcher(const faiss::Index& index, const Shape& shape, const RowIds& ids, const RowSet* allowed,
           const GraphCodes* codes = nullptr, const FlatCodes* exact = nullptr)
      : index_(index), shape_(shape), ids_(ids), allowed_(allowed), codes_(codes), exact_(exact) {}

  // Writes n * k rows and distances, best first, -1 in places without a hit.
  void search(int64_t n, const float* x, const SearchOptions& options, int64_t* rows, float* distances) const;
  // All rows within `radius` (l2: squared distance at most; similarities: at least; a hit on the border counts).
  // Exhaustive except on IVF, which visits nprobe lists.
  RangeHits range(int64_t n, const float* x, float radius, int nprobe) const;

 private:
  void search_k(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                float* distances) const;
  void search_native(const faiss::Index& index, int64_t n, const float* x, int64_t k, const SearchOptions& options,
                     const faiss::IDSelector* selector, int64_t* rows, float* distances) const;
  void search_overfetching(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                           float* distances) const;
  // All rows that may be found, one by one. `inner`: behind transforms, as the queries are.
  void scan(const faiss::Index& inner, int64_t n, const float* x, int64_t k, int64_t* rows, float* distances) const;
  void walk_codes(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                  float* distances) const;
  // False, with nothing done, where codes of plain vectors are of no use.
  bool search_exact_codes(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                          float* distances) const;
  // How many rows there are for one that may be found.
  double spread() const;
  void complete_short_rows(int64_t n, const float* x, int64_t k, int64_t* rows, float* distances) const;
  bool allowed(int64_t row) const { return allowed_ != nullptr ? allowed_->has(row) : !ids_.is_dead(row); }
  int64_t allowed_count() const;
  bool restricted() const { return allowed_ != nullptr || ids_.dead() > 0; }

  const faiss::Index& index_;
  const Shape& shape_;
  const RowIds& ids_;
  const RowSet* allowed_;
  const GraphCodes* codes_;
  const FlatCodes* exact_;
  mutable int64_t count_ = -1;
};

}  // namespace quiver
