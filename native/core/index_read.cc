// The reading functions of IndexState: any thread, at any time.
#include <omp.h>

#include <algorithm>
#include <utility>

#include "core/crew.h"
#include "core/error.h"
#include "core/flat_scan.h"
#include "core/index_state.h"
#include "core/rebuild.h"
#include "core/ties.h"

namespace quiver {

void IndexState::search(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const {
  SharedHold hold(lock_);
  answer(n, x, options, ids, distances);
}

bool IndexState::try_search(int64_t n, const float* x, const SearchOptions& options, int64_t* ids,
                            float* distances) const {
  if (!lock_.try_lock_shared()) return false;
  SharedHold hold(lock_, std::adopt_lock);
  answer(n, x, options, ids, distances);
  return true;
}

void IndexState::answer(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const {
  check_usable();
  std::vector<float> normalized;
  if (spec_.metric == Metric::kCosine) {
    normalized.assign(x, x + n * spec_.dim);
    normalize_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), normalized.data());
    x = normalized.data();
  }
  if (shape_.limit < kMaxSquaredNorm) {
    check_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), x, 0, shape_.limit);
  }
  std::shared_ptr<const RowSet> allowed;
  if (options.filter) allowed = options.filter->rows(body_.rows);
  Searcher(*body_.index, shape_, body_.rows, allowed.get(), body_.codes.get(), body_.exact.get())
      .search(n, x, options, ids, distances);
  ask_for_codes(n, options);
  for (int64_t i = 0; i < n * options.k; i++) {
    if (ids[i] >= 0) ids[i] = body_.rows.id(ids[i]);
    if (spec_.metric == Metric::kCosine && ids[i] >= 0) distances[i] = std::clamp(distances[i], -1.0f, 1.0f);
  }
  for (int64_t q = 0; q < n; q++) order_ties(options.k, ids + q * options.k, distances + q * options.k);
}

int64_t IndexState::share_limit(const SearchOptions& options) const {
  // Above the first, FAISS's batch kernels gain no more; under the second they lose. The work is in numbers that are
  // compared: some tenths of a second for a thread.
  constexpr int64_t kMost = 1024, kLeast = 64, kWork = int64_t{1} << 34;
  if (!exhaustive_ && !options.exact) return kMost;
  return std::clamp(kWork / std::max<int64_t>(1, count() * dim()), kLeast, kMost);
}

bool IndexState::searched_by_rows(int64_t n, const SearchOptions& options) const {
  return plain_ && (exhaustive_ || options.exact) && !options.filter &&
         n <= kFlatScanBlock * Executor::instance().threads();
}

void IndexState::search_with_helpers(int64_t n, const float* x, const SearchOptions& options, int64_t* ids,
                                     float* distances) {
  constexpr int64_t kMinSlice = 32;
  const int threads =
      options.threads > 0 ? std::min(options.threads, Executor::instance().threads()) : Executor::instance().threads();
  omp_set_num_threads(1);
  if (threads > 1 && searched_by_rows(n, options)) {
    SearchOptions together = options;
    together.crew = threads;
    search(n, x, together, ids, distances);
    return;
  }
  if (threads == 1 || n <= kMinSlice) {
    search(n, x, options, ids, distances);
    return;
  }
  const int64_t slice = std::clamp((n + threads * 2 - 1) / (threads * 2), kMinSlice, share_limit(options));
  run_in_parts((n + slice - 1) / slice, threads, [&](int64_t part) {
    const int64_t from = part * slice;
    search(std::min(slice, n - from), x + from * dim(), options, ids + from * options.k, distances + from * options.k);
  });
}

IdRangeHits IndexState::range(int64_t n, const float* x, float radius, int nprobe, const Filter* filter) const {
  SharedHold hold(lock_);
  check_usable();
  check_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), x);
  std::vector<float> normalized;
  if (spec_.metric == Metric::kCosine) {
    normalized.assign(x, x + n * spec_.dim);
    normalize_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), normalized.data());
    x = normalized.data();
  }
  if (shape_.limit < kMaxSquaredNorm) {
    check_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), x, 0, shape_.limit);
  }
  std::shared_ptr<const RowSet> allowed;
  if (filter != nullptr) allowed = filter->rows(body_.rows);
  RangeHits rows = Searcher(*body_.index, shape_, body_.rows, allowed.get()).range(n, x, radius, nprobe);
  IdRangeHits hits{std::move(rows.offsets), std::move(rows.rows), std::move(rows.distances)};
  const bool descending = is_similarity(spec_.metric);
  std::vector<std::pair<float, int64_t>> row;
  for (int64_t q = 0; q < n; q++) {
    row.clear();
    for (size_t i = hits.offsets[q]; i < hits.offsets[q + 1]; i++) {
      const float d = spec_.metric == Metric::kCosine ? std::clamp(hits.distances[i], -1.0f, 1.0f) : hits.distances[i];
      row.emplace_back(descending ? -d : d, body_.rows.id(hits.ids[i]));
    }
    std::sort(row.begin(), row.end());
    for (size_t i = 0; i < row.size(); i++) {
      hits.distances[hits.offsets[q] + i] = descending ? -row[i].first : row[i].first;
      hits.ids[hits.offsets[q] + i] = row[i].second;
    }
  }
  return hits;
}

std::vector<uint8_t> IndexState::has(const std::vector<int64_t>& ids) const {
  SharedHold hold(lock_);
  check_usable();
  std::vector<uint8_t> present(ids.size());
  for (size_t i = 0; i < ids.size(); i++) present[i] = body_.rows.find(ids[i]) >= 0 ? 1 : 0;
  return present;
}

std::vector<int64_t> IndexState::ids() const {
  SharedHold hold(lock_);
  check_usable();
  std::vector<int64_t> all = body_.rows.live_rows();
  for (auto& row : all) row = body_.rows.id(row);
  return all;
}

std::optional<std::vector<float>> IndexState::get(const std::vector<int64_t>& ids) const {
  SharedHold hold(lock_);
  check_usable();
  const auto* lists = as_ivf(base_of(body_.index.get()));
  if (lists != nullptr && lists->direct_map.no()) return std::nullopt;
  std::vector<float> vectors(ids.size() * static_cast<size_t>(spec_.dim));
  for (size_t i = 0; i < ids.size(); i++) {
    const int64_t row = body_.rows.find(ids[i]);
    if (row < 0) {
      throw Error(code::kNotFound, "There is no vector with the id " + std::to_string(ids[i]) + ".",
                  "an id in the index", std::to_string(ids[i]));
    }
    reconstruct_row(*body_.index, row, vectors.data() + i * static_cast<size_t>(spec_.dim));
  }
  return vectors;
}

}  // namespace quiver
