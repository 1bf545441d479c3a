#include "core/bound_search.h"

#include <faiss/utils/distances.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include "core/crew.h"
#include "kernels/within.h"

namespace quiver {

namespace {

// Rows whose scores are looked at while they are in the cache.
constexpr int64_t kPiece = 2048;
// The best rows by their codes, of which the nearest are likely some.
constexpr int64_t kLeastRough = 32;
// The limit is set anew when so many times the rows have been seen.
constexpr int64_t kGrowth = 2;
// Vectors, and codes, that are asked for before they are compared.
constexpr size_t kAhead = 6, kFineAhead = 16;
// Bytes of codes of which a thread reads enough to be worth waking another.
constexpr int64_t kLeastBytes = 16 << 20;

struct Hit {
  float score;  // less is nearer
  int64_t row;
  bool operator<(const Hit& other) const { return score < other.score || (score == other.score && row < other.row); }
};

struct Rough {
  int32_t score;
  int32_t row;
  bool operator<(const Rough& other) const { return score < other.score; }
};

struct Candidate {
  double key;  // by which less is likely nearer, and what is above a limit is too far
  int64_t row;
  bool operator<(const Candidate& other) const { return key < other.key; }
};

// One query, whatever part of the rows it is compared with.
class Query {
 public:
  Query(const BoundSearch& search, const BoundQuery& bound, const float* x)
      : search_(search),
        bound_(bound),
        x_(x),
        d_(static_cast<size_t>(search.index.d)),
        descending_(search.index.metric_type == faiss::METRIC_INNER_PRODUCT) {}

  bool may_be(int64_t row) const { return !search_.allowed || search_.allowed(row); }
  int32_t limit() const { return limit_.load(std::memory_order_relaxed); }
  const BoundQuery& bound() const { return bound_; }

  // Gives hits from `from` on their scores.
  void look_at(std::vector<Hit>& hits, size_t from) const {
    for (size_t i = from; i < std::min(hits.size(), from + kAhead); i++) prefetch(hits[i].row);
    for (size_t i = from; i < hits.size(); i++) {
      if (i + kAhead < hits.size()) prefetch(hits[i + kAhead].row);
      const float* row = vector(hits[i].row);
      hits[i].score = descending_ ? -faiss::fvec_inner_product(x_, row, d_) : faiss::fvec_L2sqr(x_, row, d_);
    }
  }

  // The k-th best of hits, whose order changes; false where there are fewer.
  bool worst_of(std::vector<Hit>& hits, float* worst) const {
    const int64_t k = search_.k;
    if (static_cast<int64_t>(hits.size()) < k) return false;
    std::nth_element(hits.begin(), hits.begin() + k - 1, hits.end());
    const float score = hits[static_cast<size_t>(k - 1)].score;
    *worst = descending_ ? -score : score;
    return true;
  }

  void tighten(std::vector<Hit>& hits) {
    float worst;
    if (!worst_of(hits, &worst)) return;
    const int32_t fresh = search_.codes.limit(bound_, worst);
    int32_t old = limit();
    while (fresh < old && !limit_.compare_exchange_weak(old, fresh, std::memory_order_relaxed)) continue;
  }

  void write(std::vector<Hit>& hits, int64_t* rows, float* distances) const {
    const size_t k = static_cast<size_t>(search_.k), found = std::min(hits.size(), k);
    std::partial_sort(hits.begin(), hits.begin() + static_cast<int64_t>(found), hits.end());
    for (size_t i = 0; i < k; i++) {
      const float score = i < found ? hits[i].score : std::numeric_limits<float>::infinity();
      rows[i] = i < found ? hits[i].row : -1;
      distances[i] = descending_ ? -score : score;
    }
  }

 private:
  const float* vector(int64_t row) const { return search_.index.get_xb() + static_cast<size_t>(row) * d_; }
  void prefetch(int64_t row) const {
    for (size_t j = 0; j < d_; j += 16) __builtin_prefetch(vector(row) + j);
  }

  const BoundSearch& search_;
  const BoundQuery& bound_;
  const float* x_;
  size_t d_;
  bool descending_;
  // Rows with a higher score are farther than k others. Falls, by whoever finds them.
  std::atomic<int32_t> limit_{BoundCodes::kNoScore - 1};
};

// What one part of the rows has for one query.
class Part {
 public:
  Part(Query& query, int64_t k) : query_(query), k_(k), wanted_(static_cast<size_t>(std::max(kLeastRough, 2 * k))) {}

  // Scores of rows [from, from + n).
  void take(const int32_t* scores, int64_t from, int64_t n, kernels::NextWithin next) {
    each_within(
        scores, n, next, [&] { return most(); },
        [&](int32_t score, int64_t i) {
          // Those without a bound are kept below.
          if (score >= BoundCodes::kLeastScore && query_.may_be(from + i)) put(score, from + i);
        });
    seen_ += n;
    const bool first = query_.limit() == BoundCodes::kNoScore - 1;
    if (best_.size() >= static_cast<size_t>(k_) && (first || seen_ >= next_look_)) {
      look();
      next_look_ = kGrowth * seen_;
    }
    const int32_t limit = query_.limit();
    each_within(
        scores, n, next, [&] { return limit; },
        [&](int32_t score, int64_t i) {
          if (query_.may_be(from + i)) kept_.push_back({score, static_cast<int32_t>(from + i)});
        });
  }

  // Compares the k best by their codes.
  void look() {
    const auto k = static_cast<int64_t>(std::min(best_.size(), static_cast<size_t>(k_)));
    std::vector<Rough> nearest(best_);
    std::nth_element(nearest.begin(), nearest.begin() + k - 1, nearest.end());
    const size_t first = hits_.size();
    for (int64_t i = 0; i < k; i++) {
      const int32_t row = nearest[static_cast<size_t>(i)].row;
      if (std::find(looked_.begin(), looked_.end(), row) != looked_.end()) continue;
      looked_.push_back(row);
      hits_.push_back({0, row});
    }
    query_.look_at(hits_, first);
    query_.tighten(hits_);
  }

  // Rows that were kept and are not too far by now, but for those that were looked at.
  template <typename Take>
  void each_left(const Take& take) {
    std::sort(looked_.begin(), looked_.end());
    auto looked = looked_.begin();
    const int32_t limit = query_.limit();
    for (const Rough& one : kept_) {
      if (one.score > limit) continue;
      while (looked != looked_.end() && *looked < one.row) ++looked;
      if (looked == looked_.end() || *looked != one.row) take(one);
    }
  }

  const std::vector<Rough>& best() const { return best_; }
  const std::vector<Hit>& hits() const { return hits_; }

 private:
  // Calls `take(score, i)` for scores up to `limit()`, which may fall meanwhile.
  template <typename Limit, typename Take>
  static void each_within(const int32_t* scores, int64_t n, kernels::NextWithin next, const Limit& limit,
                          const Take& take) {
    const auto end = static_cast<size_t>(n);
    for (size_t i = next(scores, 0, end, limit()); i < end; i = next(scores, i + 1, end, limit())) {
      take(scores[i], static_cast<int64_t>(i));
    }
  }

  int32_t most() const { return best_.size() < wanted_ ? BoundCodes::kNoScore - 1 : best_.front().score - 1; }

  void put(int32_t score, int64_t row) {
    if (best_.size() == wanted_) {
      std::pop_heap(best_.begin(), best_.end());
      best_.pop_back();
    }
    best_.push_back({score, static_cast<int32_t>(row)});
    std::push_heap(best_.begin(), best_.end());
  }

  Query& query_;
  int64_t k_;
  size_t wanted_;
  std::vector<Rough> best_;  // a heap, its worst in front
  std::vector<Rough> kept_;  // in the order of their rows
  std::vector<Hit> hits_;
  std::vector<int32_t> looked_;  // rows of hits_
  int64_t seen_ = 0, next_look_ = 0;
};

// Looks at those of the candidates that may be among the k nearest: first at some that likely are, then at what is left
// under the limit that those give.
template <typename Limit>
void look_at_nearest(const Query& query, std::vector<Candidate>& candidates, size_t some, const Limit& limit,
                     std::vector<Hit>& hits) {
  const size_t first = std::min(some, candidates.size());
  if (first < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<int64_t>(first), candidates.end());
  }
  const auto look = [&](size_t from, size_t to) {
    const size_t known = hits.size();
    float worst;
    const double most = query.worst_of(hits, &worst) ? limit(worst) : std::numeric_limits<double>::infinity();
    for (size_t i = from; i < to; i++) {
      // Also where the key is not a number.
      if (!(candidates[i].key > most)) hits.push_back({0, candidates[i].row});
    }
    query.look_at(hits, known);
  };
  look(0, first);
  look(first, candidates.size());
}

int64_t finish(const BoundSearch& search, Query& query, const std::vector<Part*>& parts, int64_t* rows,
               float* distances) {
  std::vector<Hit> hits;
  for (Part* part : parts) {
    part->look();
    hits.insert(hits.end(), part->hits().begin(), part->hits().end());
  }
  const size_t coded = hits.size();
  for (auto row = static_cast<int64_t>(search.codes.rows()); row < search.index.ntotal; row++) {
    if (query.may_be(row)) hits.push_back({0, row});
  }
  query.look_at(hits, coded);
  query.tighten(hits);
  std::vector<Candidate> candidates;
  for (Part* part : parts) {
    part->each_left([&](const Rough& one) { candidates.push_back({static_cast<double>(one.score), one.row}); });
  }
  const BoundCodes& codes = search.codes;
  if (codes.has_fine()) {
    const size_t n = candidates.size();
    for (size_t i = 0; i < std::min(n, kFineAhead); i++) codes.prefetch_fine(static_cast<size_t>(candidates[i].row));
    for (size_t i = 0; i < n; i++) {
      if (i + kFineAhead < n) codes.prefetch_fine(static_cast<size_t>(candidates[i + kFineAhead].row));
      candidates[i].key = codes.span(query.bound(), static_cast<size_t>(candidates[i].row));
    }
    look_at_nearest(
        query, candidates, static_cast<size_t>(search.k),
        [&](float worst) { return codes.reach(query.bound(), worst); }, hits);
  } else {
    look_at_nearest(
        query, candidates, static_cast<size_t>(std::max(kLeastRough, 2 * search.k)),
        [&](float worst) { return static_cast<double>(codes.limit(query.bound(), worst)); }, hits);
  }
  query.write(hits, rows, distances);
  return static_cast<int64_t>(hits.size());
}

}  // namespace

int64_t search_by_bound(const BoundSearch& search, int64_t count, const BoundQuery* queries, const float* x,
                        int64_t* rows, float* distances) {
  const auto n = static_cast<int64_t>(search.codes.rows()), pieces = (n + kPiece - 1) / kPiece;
  const auto tile = static_cast<size_t>(count);
  const bool shared = search.threads > 1 && n * static_cast<int64_t>(search.codes.width()) >= kLeastBytes;
  const int64_t parts = shared ? 2 * search.threads : 1;
  std::vector<int8_t> codes;
  std::vector<std::unique_ptr<Query>> asked;
  std::vector<Part> all;
  for (size_t q = 0; q < tile; q++) {
    codes.insert(codes.end(), queries[q].codes.begin(), queries[q].codes.end());
    asked.push_back(std::make_unique<Query>(search, queries[q], x + q * static_cast<size_t>(search.index.d)));
  }
  for (int64_t part = 0; part < parts; part++) {
    for (const auto& query : asked) all.emplace_back(*query, search.k);
  }
  const kernels::NextWithin next = kernels::next_within();
  run_in_parts(parts, search.threads, [&](int64_t part) {
    thread_local kernels::AlignedBytes room;
    room.resize(tile * kPiece * sizeof(int32_t));
    auto* scores = reinterpret_cast<int32_t*>(room.data());
    for (int64_t piece = pieces * part / parts; piece < pieces * (part + 1) / parts; piece++) {
      const int64_t from = piece * kPiece, some = std::min(kPiece, n - from);
      search.codes.scores(codes.data(), tile, static_cast<size_t>(from), static_cast<size_t>(some), scores, kPiece);
      for (size_t q = 0; q < tile; q++) {
        all[static_cast<size_t>(part) * tile + q].take(scores + q * kPiece, from, some, next);
      }
    }
  });
  int64_t looked = 0;
  for (size_t q = 0; q < tile; q++) {
    std::vector<Part*> of_query;
    for (int64_t part = 0; part < parts; part++) of_query.push_back(&all[static_cast<size_t>(part) * tile + q]);
    const auto at = q * static_cast<size_t>(search.k);
    looked += finish(search, *asked[q], of_query, rows + at, distances + at);
  }
  return looked;
}

}  // namespace quiver
