#include "core/flat_codes.h"

#include <faiss/IndexHNSW.h>
#include <faiss/VectorTransform.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/blas.h"
#include "core/crew.h"
#include "core/trial_queries.h"
#include "kernels/level.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

using kernels::kTileQueries;
using kernels::read_at;

constexpr int64_t kSample = 4096;
// Larger matrices of covariances take many seconds.
constexpr size_t kMostForAxes = 1600;
// Axes that hold this share of the variance are enough; more than this share of all axes are no gain.
constexpr double kVariance = 0.92, kMostAxes = 0.7;
constexpr int64_t kTrials = 16, kTrialK = 10;
// Rows whose scores are looked at while they are in the cache.
constexpr int64_t kPiece = 2048;
// Rows that set the threshold.
constexpr int64_t kLeastRough = 32;
// Vectors that are asked for before they are compared.
constexpr size_t kAhead = 6;
constexpr int64_t kBatch = 20;
// Scores that a thread keeps room for between searches.
constexpr size_t kKeptScores = 1 << 21;
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

bool is_similarity(const faiss::IndexFlat& index) {
  return index.metric_type == faiss::METRIC_INNER_PRODUCT;
}

// Calls `take(i)` for scores up to `limit()`, which may fall meanwhile. Most are not: sixteen are looked at together.
template <typename Limit, typename Take>
void each_within(const int32_t* scores, int64_t n, const Limit& limit, const Take& take) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const int32_t most = limit();
    int any = 0;
    for (int64_t j = 0; j < 16; j++) any |= scores[i + j] <= most ? 1 : 0;
    if (any == 0) continue;
    for (int64_t j = i; j < i + 16; j++) {
      if (scores[j] <= limit()) take(j);
    }
  }
  for (; i < n; i++) {
    if (scores[i] <= limit()) take(i);
  }
}

// Nanoseconds a query, on a machine of 2024: only how they compare matters.
double by_floats(const faiss::IndexFlat& index, bool batch) {
  return static_cast<double>(index.ntotal) * index.d * (batch ? 0.01 : 0.11);
}

double by_codes(const faiss::IndexFlat& index, const BoundCodes& codes, double looked, bool batch) {
  const double slower = kernels::level() == kernels::Level::kV4   ? 1
                        : kernels::level() == kernels::Level::kV3 ? 2.5
                                                                  : 12;
  const double scan = static_cast<double>(codes.rows() * codes.width()) * (batch ? 0.006 : 0.016) * slower;
  const double project = static_cast<double>(codes.width()) * index.d * 0.1;
  return scan + project + 2000 + looked * (50 + 0.15 * index.d);
}

// The first main axes, where a few hold nearly all of the variance; else none, for all components as they are.
std::vector<float> axes_of(const std::vector<float>& sample, size_t width) {
  const size_t n = sample.size() / width;
  if (width > kMostForAxes || n < 2 * static_cast<size_t>(kTileQueries)) return {};
  // LAPACK says so on stderr when covariances overflow.
  double squares = 0;
  for (const float value : sample) squares += static_cast<double>(value) * value;
  if (!(squares < 1e36)) return {};
  const OneThread alone;
  const auto most = static_cast<size_t>(static_cast<double>(width) * kMostAxes);
  faiss::PCAMatrix pca(static_cast<int>(width), static_cast<int>(most));
  pca.train(static_cast<faiss::idx_t>(n), sample.data());
  double all = 0, held = 0;
  for (const float value : pca.eigenvalues) all += std::max(value, 0.0f);
  size_t m = 0;
  while (m < most && m < pca.eigenvalues.size() && held < kVariance * all) held += std::max(pca.eigenvalues[m++], 0.0f);
  m = std::max<size_t>((m + 31) / 32 * 32, 32);
  if (!(all > 0) || held < kVariance * all || m > most) return {};
  std::vector<float> matrix(pca.A.begin(), pca.A.begin() + static_cast<int64_t>(m * width));
  const bool sound = std::all_of(matrix.begin(), matrix.end(), [](float value) { return std::isfinite(value); });
  return sound ? matrix : std::vector<float>();
}

Plane plane_of(const faiss::IndexFlat& index, std::vector<float>& sample) {
  Plane plane;
  plane.dim = static_cast<size_t>(index.d);
  plane.similarity = is_similarity(index);
  const float* x = index.get_xb();
  const auto rows = static_cast<size_t>(index.ntotal);
  for (size_t i = 0; plane.similarity && i < rows; i++) {
    double squares = 0;
    for (size_t j = 0; j < plane.dim; j++) {
      const double value = read_at(x, i * plane.dim + j);
      squares += value * value;
    }
    plane.most_squares = std::max(plane.most_squares, squares);
  }
  const size_t width = plane.width(), n = std::min<size_t>(rows, kSample);
  plane.center.assign(width, 0.0f);
  std::vector<float> wide(n * width);
  std::vector<double> sums(width, 0.0);
  sample.resize(n * plane.dim);
  for (size_t i = 0; i < n; i++) {
    const size_t row = i * rows / n;
    for (size_t j = 0; j < plane.dim; j++) sample[i * plane.dim + j] = read_at(x, row * plane.dim + j);
    plane.widen(x, row, wide.data() + i * width);
    for (size_t j = 0; j < width; j++) sums[j] += wide[i * width + j];
  }
  for (size_t j = 0; j < width; j++) plane.center[j] = static_cast<float>(sums[j] / static_cast<double>(n));
  plane.matrix = axes_of(wide, width);
  return plane;
}

class Scorer {
 public:
  Scorer(const faiss::IndexFlat& index, const float* query)
      : x_(index.get_xb()), query_(query), d_(static_cast<size_t>(index.d)), descending_(is_similarity(index)) {}
  // Gives hits their scores.
  void score(std::vector<Hit>& hits, size_t from) const {
    for (size_t i = from; i < std::min(hits.size(), from + kAhead); i++) prefetch(hits[i].row);
    for (size_t i = from; i < hits.size(); i++) {
      if (i + kAhead < hits.size()) prefetch(hits[i + kAhead].row);
      const float* row = x_ + static_cast<size_t>(hits[i].row) * d_;
      hits[i].score = descending_ ? -faiss::fvec_inner_product(query_, row, d_) : faiss::fvec_L2sqr(query_, row, d_);
    }
  }

 private:
  void prefetch(int64_t row) const {
    const float* at = x_ + static_cast<size_t>(row) * d_;
    for (size_t j = 0; j < d_; j += 16) __builtin_prefetch(at + j);
  }
  const float* x_;
  const float* query_;
  size_t d_;
  bool descending_;
};

}  // namespace

struct FlatCodes::Tile {
  const faiss::IndexFlat& index;
  int64_t k;
  int threads;  // for this one tile
  const Allowed& allowed;
};

bool FlatCodes::suits(const faiss::Index& index) {
  if (kernels::level() == kernels::Level::kOff) return false;
  const auto* flat = dynamic_cast<const faiss::IndexFlat*>(&index);
  if (flat == nullptr || flat->ntotal < kFewest || flat->ntotal > INT32_MAX / 2 || flat->d < kLeastDim) return false;
  return (flat->metric_type == faiss::METRIC_L2 || flat->metric_type == faiss::METRIC_INNER_PRODUCT) &&
         static_cast<size_t>(flat->d) < BoundCodes::kMaxWidth - 4;
}

const faiss::IndexFlat* FlatCodes::vectors_of(const faiss::Index& index) {
  const auto* graph = dynamic_cast<const faiss::IndexHNSW*>(&index);
  return dynamic_cast<const faiss::IndexFlat*>(graph != nullptr ? graph->storage : &index);
}

std::unique_ptr<FlatCodes> FlatCodes::begin(const faiss::IndexFlat& index) {
  std::vector<float> sample;
  Plane plane = plane_of(index, sample);
  const size_t n = sample.size() / plane.dim;
  return std::unique_ptr<FlatCodes>(new FlatCodes(BoundCodes(std::move(plane), sample.data(), n)));
}

EncodedRows FlatCodes::encode(const faiss::IndexFlat& index, int64_t n) const {
  const auto from = codes_.rows();
  return codes_.encode(index.get_xb(), from,
                       std::min(static_cast<size_t>(n), static_cast<size_t>(index.ntotal) - from));
}

std::unique_ptr<FlatCodes> FlatCodes::grown(int64_t rows) const {
  std::unique_ptr<FlatCodes> copy(new FlatCodes(codes_.grown(static_cast<size_t>(rows))));
  copy->serving_ = serving_;
  copy->asked_ = asked_.load();
  copy->looked_ = looked_.load();
  return copy;
}

bool FlatCodes::approve(const faiss::IndexFlat& index) {
  const auto queries = trial_queries(index.get_xb(), index.ntotal, static_cast<size_t>(index.d), kTrials);
  std::vector<int64_t> rows(kTrials * kTrialK);
  std::vector<float> distances(kTrials * kTrialK);
  asked_ = looked_ = 0;
  return search(index, kTrials, queries.data(), kTrialK, 1, nullptr, rows.data(), distances.data()) &&
         gains(index, 1, kTrialK);
}

double FlatCodes::looked() const {
  return static_cast<double>(looked_) / static_cast<double>(std::max<int64_t>(asked_, 1));
}

bool FlatCodes::pays(const faiss::IndexFlat& index, int64_t n, int64_t k) const {
  return serving_ && rows() <= index.ntotal && k <= index.ntotal / 64 && index.ntotal - rows() <= rows() / 8 &&
         gains(index, n, k);
}

bool FlatCodes::gains(const faiss::IndexFlat& index, int64_t n, int64_t k) const {
  const double all = looked() + static_cast<double>(4 * k + index.ntotal - rows());
  const bool batch = n >= kBatch;
  return by_codes(index, codes_, all, batch) < 0.8 * by_floats(index, batch);
}

void FlatCodes::search_tile(const Tile& tile, int64_t count, const BoundQuery* queries, const float* x, int64_t* rows,
                            float* distances) const {
  thread_local std::vector<int32_t> room;
  const int64_t n = this->rows(), stride = (n + kPiece - 1) / kPiece * kPiece, k = tile.k;
  if (room.size() < static_cast<size_t>(stride * count)) room.resize(static_cast<size_t>(stride * count));
  int32_t* scores = room.data();
  std::vector<int8_t> codes;
  for (int64_t q = 0; q < count; q++) codes.insert(codes.end(), queries[q].codes.begin(), queries[q].codes.end());
  const auto wanted = static_cast<size_t>(std::max(kLeastRough, 2 * k));
  // First pass: scores of all rows, and the best of each part.
  const bool shared = tile.threads > 1 && n * static_cast<int64_t>(codes_.width()) >= kLeastBytes;
  const int64_t parts = shared ? 2 * tile.threads : 1, pieces = stride / kPiece;
  std::vector<std::vector<Rough>> best(static_cast<size_t>(parts * count));
  run_in_parts(parts, tile.threads, [&](int64_t part) {
    for (int64_t piece = pieces * part / parts; piece < pieces * (part + 1) / parts; piece++) {
      const int64_t from = piece * kPiece, some = std::min(kPiece, n - from);
      codes_.scores(codes.data(), static_cast<size_t>(count), static_cast<size_t>(from), static_cast<size_t>(some),
                    scores + from, static_cast<size_t>(stride));
      for (int64_t q = 0; q < count; q++) {
        auto& heap = best[static_cast<size_t>(part * count + q)];
        const int32_t* at = scores + q * stride + from;
        const auto most = [&] { return heap.size() < wanted ? BoundCodes::kNoScore - 1 : heap.front().score - 1; };
        each_within(at, some, most, [&](int64_t i) {
          // Rows without a bound come with the second pass.
          if (at[i] < BoundCodes::kLeastScore || (tile.allowed && !tile.allowed(from + i))) return;
          if (heap.size() == wanted) {
            std::pop_heap(heap.begin(), heap.end());
            heap.pop_back();
          }
          heap.push_back({at[i], static_cast<int32_t>(from + i)});
          std::push_heap(heap.begin(), heap.end());
        });
      }
    }
  });
  std::vector<Hit> hits;
  for (int64_t q = 0; q < count; q++) {
    const Scorer scorer(tile.index, x + q * tile.index.d);
    int32_t* at = scores + q * stride;
    hits.clear();
    for (int64_t part = 0; part < parts; part++) {
      for (const Rough& one : best[static_cast<size_t>(part * count + q)]) {
        at[one.row] = BoundCodes::kNoScore;
        hits.push_back({0, one.row});
      }
    }
    for (int64_t row = n; row < tile.index.ntotal; row++) {
      if (!tile.allowed || tile.allowed(row)) hits.push_back({0, row});
    }
    scorer.score(hits, 0);
    // Second pass: all rows that may be as near as the k-th of these.
    int32_t limit = BoundCodes::kNoScore - 1;
    if (hits.size() >= static_cast<size_t>(k)) {
      std::nth_element(hits.begin(), hits.begin() + k - 1, hits.end());
      const float worst = hits[static_cast<size_t>(k - 1)].score;
      limit = codes_.limit(queries[q], is_similarity(tile.index) ? -worst : worst);
    }
    const size_t first = hits.size();
    each_within(
        at, n, [&] { return limit; },
        [&](int64_t row) {
          if (!tile.allowed || tile.allowed(row)) hits.push_back({0, row});
        });
    scorer.score(hits, first);
    asked_.fetch_add(1, std::memory_order_relaxed);
    looked_.fetch_add(static_cast<int64_t>(hits.size()), std::memory_order_relaxed);
    const size_t found = std::min(hits.size(), static_cast<size_t>(k));
    std::partial_sort(hits.begin(), hits.begin() + static_cast<int64_t>(found), hits.end());
    const float sign = is_similarity(tile.index) ? -1.0f : 1.0f;
    for (size_t i = 0; i < static_cast<size_t>(k); i++) {
      rows[static_cast<size_t>(q * k) + i] = i < found ? hits[i].row : -1;
      distances[static_cast<size_t>(q * k) + i] =
          sign * (i < found ? hits[i].score : std::numeric_limits<float>::infinity());
    }
  }
  if (room.size() > kKeptScores) std::vector<int32_t>().swap(room);
}

bool FlatCodes::search(const faiss::IndexFlat& index, int64_t n, const float* x, int64_t k, int threads,
                       const Allowed& allowed, int64_t* rows, float* distances) const {
  constexpr int64_t kMany = kTileQueries;
  const int64_t d = index.d, tiles = (n + kMany - 1) / kMany;
  std::vector<BoundQuery> queries(static_cast<size_t>(n));
  std::atomic<bool> covered{true};
  const auto of_tile = [&](int64_t tile) { return std::min(kMany, n - tile * kMany); };
  run_in_parts(tiles, threads, [&](int64_t tile) {
    for (int64_t q = tile * kMany; q < tile * kMany + of_tile(tile); q++) {
      queries[static_cast<size_t>(q)] = codes_.prepare(x + q * d);
      if (!codes_.covers(queries[static_cast<size_t>(q)])) covered = false;
    }
  });
  if (!covered) return false;
  const Tile tile{index, k, tiles == 1 ? threads : 1, allowed};
  run_in_parts(tiles, threads, [&](int64_t t) {
    const int64_t q = t * kMany;
    search_tile(tile, of_tile(t), queries.data() + q, x + q * d, rows + q * k, distances + q * k);
  });
  return true;
}

}  // namespace quiver
