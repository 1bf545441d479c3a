#include "core/searcher.h"

#include <faiss/IndexFastScan.h>
#include <faiss/IndexIVFAdditiveQuantizer.h>
#include <faiss/IndexIVFAdditiveQuantizerFastScan.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFPQR.h>
#include <faiss/IndexIVFSpectralHash.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/AuxIndexStructures.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "core/exact_scan.h"
#include "core/flat_scan.h"
#include "core/structure.h"

namespace quiver {

namespace {

// With fewer allowed rows than this, or less than this share of the rows, comparing with each beats walking a graph
// that mostly meets rows it may not return.
constexpr int64_t kScanRows = 2000;
constexpr double kScanShare = 0.05;
constexpr int kMaxFilteredEf = 4096;

// The search parameters of a nest, from outside in, on the stack: FAISS takes them as a chain of pointers.
struct Parameters {
  faiss::SearchParametersHNSW hnsw;
  faiss::SearchParametersIVF ivf;
  faiss::IndexRefineSearchParameters refine;
  faiss::SearchParametersPreTransform transform;

  const faiss::SearchParameters* fill(const faiss::Index& index, const SearchOptions& options,
                                      const faiss::IDSelector* selector, double share) {
    if (auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(&index)) {
      transform.index_params = const_cast<faiss::SearchParameters*>(fill(*outer->index, options, selector, share));
      return &transform;
    }
    if (auto* outer = dynamic_cast<const faiss::IndexRefine*>(&index)) {
      refine.k_factor = outer->k_factor;
      refine.base_index_params =
          const_cast<faiss::SearchParameters*>(fill(*outer->base_index, options, selector, share));
      return &refine;
    }
    if (const auto* graph = as_hnsw(&index)) return fill_hnsw(*graph, options, selector, share);
    if (dynamic_cast<const faiss::IndexIVFAdditiveQuantizerFastScan*>(&index) != nullptr) return nullptr;
    if (const auto* lists = as_ivf(&index)) {
      ivf.nprobe = options.exact ? lists->nlist : options.nprobe > 0 ? options.nprobe : lists->nprobe;
      ivf.nprobe = std::clamp<size_t>(ivf.nprobe, 1, std::max<size_t>(lists->nlist, 1));
      ivf.sel = const_cast<faiss::IDSelector*>(selector);
      return &ivf;
    }
    return nullptr;
  }

  const faiss::SearchParameters* fill_hnsw(const faiss::IndexHNSW& graph, const SearchOptions& options,
                                           const faiss::IDSelector* selector, double share) {
    if (dynamic_cast<const faiss::IndexHNSW2Level*>(&graph) != nullptr) return nullptr;
    int ef = options.ef_search > 0 ? options.ef_search : graph.hnsw.efSearch;
    // FAISS keeps rows that the filter refuses in the queue of candidates: widen it by as much as it will lose.
    if (selector != nullptr) ef = std::max(ef, std::min(kMaxFilteredEf, static_cast<int>(std::min(ef / share, 1e9))));
    // FAISS makes room for ef candidates beforehand; there are never more than rows.
    ef = options.exact ? static_cast<int>(graph.ntotal) : std::min(ef, static_cast<int>(graph.ntotal));
    hnsw.efSearch = ef;
    hnsw.check_relative_distance = graph.hnsw.check_relative_distance;
    hnsw.bounded_queue = graph.hnsw.search_bounded_queue;
    hnsw.sel = const_cast<faiss::IDSelector*>(selector);
    return &hnsw;
  }
};

// Whether FAISS itself can leave rows out while it searches this kind. Some lists throw at a selector, which inside an
// OpenMP region ends the process.
bool takes_selector(const faiss::Index& index) {
  if (auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(&index)) return takes_selector(*outer->index);
  if (auto* outer = dynamic_cast<const faiss::IndexRefine*>(&index)) return takes_selector(*outer->base_index);
  if (as_hnsw(&index) != nullptr) return dynamic_cast<const faiss::IndexHNSW2Level*>(&index) == nullptr;
  if (as_ivf(&index) == nullptr) return false;
  // These throw when they get one, inside an OpenMP region, which ends the process.
  return dynamic_cast<const faiss::IndexIVFAdditiveQuantizer*>(&index) == nullptr &&
         dynamic_cast<const faiss::IndexIVFAdditiveQuantizerFastScan*>(&index) == nullptr &&
         dynamic_cast<const faiss::IndexIVFPQR*>(&index) == nullptr &&
         dynamic_cast<const faiss::IndexIVFSpectralHash*>(&index) == nullptr;
}

float worst(const faiss::Index& index) {
  const float infinity = std::numeric_limits<float>::infinity();
  return faiss::is_similarity_metric(index.metric_type) ? -infinity : infinity;
}

// The index behind transforms, and the queries as it sees them.
struct Inner {
  const faiss::Index* index;
  const float* x;
  std::vector<std::unique_ptr<const float[]>> owned;

  Inner(const faiss::Index& outer, int64_t n, const float* queries) : index(&outer), x(queries) {
    while (auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
      const float* changed = transform->apply_chain(n, x);
      if (changed != x) owned.emplace_back(changed);
      x = changed;
      index = transform->index;
    }
  }
};

}  // namespace

int64_t Searcher::allowed_count() const {
  if (count_ < 0) count_ = allowed_ != nullptr ? allowed_->count() : ids_.live();
  return count_;
}

void Searcher::search(int64_t n, const float* x, const SearchOptions& options, int64_t* rows, float* distances) const {
  const int64_t k = std::min(options.k, allowed_count());
  if (k == options.k) {
    search_k(n, x, k, options, rows, distances);
    return;
  }
  // Fewer rows than asked for: FAISS would allocate for all k. Search for what there is and spread it.
  std::fill(rows, rows + n * options.k, -1);
  std::fill(distances, distances + n * options.k, worst(index_));
  if (k == 0) return;
  std::vector<int64_t> found(static_cast<size_t>(n * k));
  std::vector<float> at(static_cast<size_t>(n * k));
  search_k(n, x, k, options, found.data(), at.data());
  for (int64_t q = 0; q < n; q++) {
    std::copy_n(found.data() + q * k, k, rows + q * options.k);
    std::copy_n(at.data() + q * k, k, distances + q * options.k);
  }
}

void Searcher::search_k(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                        float* distances) const {
  const faiss::Index* base = shape_.base;
  if (!restricted() && codes_ != nullptr && !options.exact) {
    walk_codes(n, x, k, options, rows, distances);
    return;
  }
  if (search_exact_codes(n, x, k, options, rows, distances)) return;
  if (!restricted()) {
    const bool use_storage = options.exact && shape_.graph == &index_ && can_scan(index_);
    const faiss::Index& target = use_storage ? *shape_.graph->storage : index_;
    if (options.crew > 1 && suits_flat_scan(target, n)) {
      flat_scan(static_cast<const faiss::IndexFlat&>(target), n, x, k, options.crew, rows, distances);
      return;
    }
    search_native(target, n, x, k, options, nullptr, rows, distances);
    if (shape_.graph != nullptr) complete_short_rows(n, x, k, rows, distances);
    return;
  }
  const Inner inner(index_, n, x);
  const bool few = allowed_ != nullptr &&
                   (allowed_count() <= kScanRows || static_cast<double>(allowed_count()) < kScanShare * ids_.live());
  if (can_scan(*inner.index) && (few || options.exact || as_codes(inner.index) != nullptr)) {
    scan(*inner.index, n, inner.x, k, rows, distances);
    return;
  }
  if (codes_ != nullptr) {
    walk_codes(n, x, k, options, rows, distances);
    return;
  }
  if (!takes_selector(index_) || (shape_.refined && as_codes(base) != nullptr)) {
    search_overfetching(n, x, k, options, rows, distances);
    return;
  }
  std::optional<RowSetSelector> chosen;
  std::optional<LiveSelector> live;
  const faiss::IDSelector* selector;
  if (allowed_ != nullptr) {
    selector = &chosen.emplace(*allowed_);
  } else {
    selector = &live.emplace(ids_);
  }
  SearchOptions wide = options;
  if (few && shape_.lists != nullptr) wide.exact = true;
  search_native(index_, n, x, k, wide, selector, rows, distances);
  complete_short_rows(n, x, k, rows, distances);
}

bool Searcher::search_exact_codes(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                                  float* distances) const {
  // Where less than this share of the rows may be found, comparing with these alone is quicker.
  constexpr double kLeastAllowed = 0.1;
  if (exact_ == nullptr || (shape_.graph != nullptr && !options.exact)) return false;
  const auto* flat = FlatCodes::vectors_of(index_);
  if (flat == nullptr || !exact_->pays(*flat, n, k)) return false;
  FlatCodes::Allowed only;
  if (restricted()) {
    if (static_cast<double>(allowed_count()) < kLeastAllowed * static_cast<double>(ids_.rows())) return false;
    only = [this](int64_t row) { return allowed(row); };
  }
  return exact_->search(*flat, n, x, k, options.crew, only, rows, distances);
}

double Searcher::spread() const {
  return static_cast<double>(ids_.rows()) / static_cast<double>(std::max<int64_t>(allowed_count(), 1));
}

void Searcher::walk_codes(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                          float* distances) const {
  const int given = options.ef_search > 0 ? options.ef_search : shape_.graph->hnsw.efSearch;
  auto ef = std::max<int64_t>(given, k);
  if (!restricted()) {
    codes_->search(*shape_.graph, n, x, k, ef, nullptr, rows, distances);
  } else {
    // Rows that may not be found are candidates all the same: they lead on.
    ef = std::max(ef, std::min<int64_t>(kMaxFilteredEf, static_cast<int64_t>(static_cast<double>(ef) * spread())));
    const auto& bits = allowed_ != nullptr ? allowed_->bits() : ids_.dead_bits();
    const kernels::RowFilter filter{bits.data(), bits.size(), allowed_ != nullptr};
    codes_->search(*shape_.graph, n, x, k, ef, &filter, rows, distances);
  }
  const Searcher without(index_, shape_, ids_, allowed_);
  for (int64_t q = 0; q < n; q++) {
    const float* query = x + q * index_.d;
    if (!codes_->covers(query)) without.search_k(1, query, k, options, rows + q * k, distances + q * k);
  }
  complete_short_rows(n, x, k, rows, distances);
}

void Searcher::search_native(const faiss::Index& index, int64_t n, const float* x, int64_t k,
                             const SearchOptions& options, const faiss::IDSelector* selector, int64_t* rows,
                             float* distances) const {
  if (shape_.plain) {
    index.search(n, x, k, distances, rows);
  } else {
    Parameters parameters;
    const double share = ids_.rows() == 0 ? 1.0 : static_cast<double>(allowed_count()) / ids_.rows();
    index.search(n, x, k, distances, rows, parameters.fill(index, options, selector, std::max(share, 1e-6)));
  }
  for (int64_t i = 0; i < n * k; i++) {
    if (rows[i] < 0 || rows[i] >= ids_.rows()) {
      rows[i] = -1;
      distances[i] = worst(index_);
    }
  }
}

// For kinds that cannot filter (FastScan, LSH with refinement ...): ask for more, drop what is not allowed, and ask
// for twice as many until every query is full; lists are visited all of them in the end.
void Searcher::search_overfetching(int64_t n, const float* x, int64_t k, const SearchOptions& options, int64_t* rows,
                                   float* distances) const {
  const double share = static_cast<double>(allowed_count()) / static_cast<double>(ids_.rows());
  std::fill(rows, rows + n * k, -1);
  std::fill(distances, distances + n * k, worst(index_));
  std::vector<int64_t> pending(static_cast<size_t>(n));
  std::iota(pending.begin(), pending.end(), 0);
  int64_t wanted = std::min(ids_.rows(), static_cast<int64_t>(static_cast<double>(k) / share * 1.2) + 16);
  SearchOptions effort = options;
  while (true) {
    std::vector<int64_t> found(static_cast<size_t>(wanted));
    std::vector<float> at(static_cast<size_t>(wanted));
    std::vector<int64_t> still_short;
    for (int64_t q : pending) {
      search_native(index_, 1, x + q * index_.d, wanted, effort, nullptr, found.data(), at.data());
      int64_t filled = 0;
      for (int64_t i = 0; i < wanted && filled < k; i++) {
        if (found[i] < 0 || !allowed(found[i])) continue;
        rows[q * k + filled] = found[i];
        distances[q * k + filled] = at[i];
        filled++;
      }
      if (filled < k) still_short.push_back(q);
    }
    if (still_short.empty() || (wanted == ids_.rows() && effort.exact)) return;
    if (wanted == ids_.rows()) effort.exact = true;
    pending = std::move(still_short);
    wanted = std::min(ids_.rows(), wanted * 2);
  }
}

void Searcher::scan(const faiss::Index& inner, int64_t n, const float* x, int64_t k, int64_t* rows,
                    float* distances) const {
  if (allowed_ != nullptr) {
    exact_scan(inner, n, x, k, *allowed_, rows, distances);
    return;
  }
  RowSet live(ids_.rows());
  for (int64_t row = 0; row < ids_.rows(); row++) {
    if (!ids_.is_dead(row)) live.set(row);
  }
  exact_scan(inner, n, x, k, live, rows, distances);
}

// A filter must never cost hits that exist, nor must a graph in which equal vectors have become an island: queries with
// fewer than k are answered again, exhaustively.
void Searcher::complete_short_rows(int64_t n, const float* x, int64_t k, int64_t* rows, float* distances) const {
  for (int64_t q = 0; q < n; q++) {
    if (rows[q * k + k - 1] >= 0) continue;
    const Inner inner(index_, 1, x + q * index_.d);
    if (can_scan(*inner.index)) {
      scan(*inner.index, 1, inner.x, k, rows + q * k, distances + q * k);
      continue;
    }
    SearchOptions all;
    all.k = k;
    all.exact = true;
    std::optional<RowSetSelector> chosen;
    std::optional<LiveSelector> live;
    const faiss::IDSelector* selector;
    if (allowed_ != nullptr) {
      selector = &chosen.emplace(*allowed_);
    } else {
      selector = &live.emplace(ids_);
    }
    search_native(index_, 1, x + q * index_.d, k, all, selector, rows + q * k, distances + q * k);
  }
}

RangeHits Searcher::range(int64_t n, const float* x, float radius, int nprobe) const {
  RangeHits hits;
  hits.offsets.assign(static_cast<size_t>(n) + 1, 0);
  if (allowed_count() == 0) return hits;
  // FAISS searches FastScan lists for a radius that it has rounded to 16 bits: far from the distances it finds nothing
  // or everything, near them it misses the border.
  if (dynamic_cast<const faiss::IndexFastScan*>(shape_.base) != nullptr ||
      dynamic_cast<const faiss::IndexIVFFastScan*>(shape_.base) != nullptr) {
    throw Error(code::kUnsupported,
                "FAISS's FastScan kinds have no range search. Use search() with a k, or a PQ or SQ.",
                "a kind with range search", kind_of(&index_));
  }
  SearchOptions options;
  options.nprobe = nprobe;
  const faiss::Index* target = &index_;
  // A graph finds what is near its path, not all within a radius: its vectors are compared one by one instead.
  if (const auto* graph = as_hnsw(&index_)) target = graph->storage;
  if (needs_range_scan(*target)) {
    for (int64_t q = 0; q < n; q++) {
      range_scan(*target, x + q * target->d, radius, [&](int64_t row, float distance) {
        if (!allowed(row)) return;
        hits.rows.push_back(row);
        hits.distances.push_back(distance);
      });
      hits.offsets[static_cast<size_t>(q) + 1] = hits.rows.size();
    }
    return hits;
  }
  const LiveSelector live(ids_);
  std::optional<RowSetSelector> chosen;
  const faiss::IDSelector* selector = nullptr;
  if (as_codes(target) == nullptr && !takes_selector(*target)) {
    // All hits are looked through below.
  } else if (allowed_ != nullptr) {
    selector = &chosen.emplace(*allowed_);
  } else if (ids_.dead() > 0) {
    selector = &live;
  }
  // FAISS leaves out what lies exactly on the border.
  const float infinity = std::numeric_limits<float>::infinity();
  radius = std::nextafter(radius, faiss::is_similarity_metric(index_.metric_type) ? -infinity : infinity);
  faiss::RangeSearchResult result(static_cast<size_t>(n));
  Parameters parameters;
  const auto* given = parameters.fill(*target, options, selector, 1.0);
  faiss::SearchParameters flat;
  if (given == nullptr && selector != nullptr && as_codes(target) != nullptr) {
    flat.sel = const_cast<faiss::IDSelector*>(selector);
    given = &flat;
  }
  target->range_search(n, x, radius, &result, given);
  for (int64_t q = 0; q < n; q++) {
    for (size_t i = result.lims[q]; i < result.lims[q + 1]; i++) {
      if (result.labels[i] < 0 || result.labels[i] >= ids_.rows() || !allowed(result.labels[i])) continue;
      hits.rows.push_back(result.labels[i]);
      hits.distances.push_back(result.distances[i]);
    }
    hits.offsets[static_cast<size_t>(q) + 1] = hits.rows.size();
  }
  return hits;
}

}  // namespace quiver
