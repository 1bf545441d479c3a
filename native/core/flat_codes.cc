#include "core/flat_codes.h"

#include <faiss/IndexHNSW.h>
#include <faiss/VectorTransform.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/bound_search.h"
#include "core/crew.h"
#include "core/trial_queries.h"
#include "kernels/level.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

using kernels::kTileQueries;
using kernels::read_at;

constexpr int64_t kSample = 4096;
// Fewer vectors say nothing of axes.
constexpr size_t kLeastSample = 8;
// Larger matrices of covariances take many seconds.
constexpr size_t kMostForAxes = 1600;
// Axes that hold this share of the variance are enough; more than this share of all axes are no gain.
constexpr double kVariance = 0.92, kMostAxes = 0.7;
// Vectors up to this length are read as soon as finer codes.
constexpr size_t kLongest = 512, kLine = 64;
constexpr int64_t kTrials = 16, kTrialK = 10;
constexpr int64_t kBatch = 20;

bool is_similarity(const faiss::IndexFlat& index) {
  return index.metric_type == faiss::METRIC_INNER_PRODUCT;
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

// How many axes finer codes have besides m of them: they and their error fill whole lines of the cache.
size_t finer(size_t m, size_t most, size_t width) {
  if (width <= kLongest) return 0;
  const size_t all = std::min(3 * m, most) / kLine * kLine;
  return all > m + sizeof(float) ? all - sizeof(float) - m : 0;
}

// So that each thread has some, but a few share their reading of the codes.
int64_t queries_at_once(int64_t n, int threads) {
  constexpr int64_t kFew = 4;
  const int64_t each = (n + threads - 1) / threads;
  return n <= kFew ? n : std::min<int64_t>((each + kFew - 1) / kFew * kFew, kTileQueries);
}

// The first main axes, where a few hold nearly all of the variance; else none, for all components as they are. Sets how
// many of them are for the scan.
std::vector<float> axes_of(const std::vector<float>& sample, size_t width, size_t* scanned) {
  const size_t n = sample.size() / width;
  if (width > kMostForAxes || n < kLeastSample) return {};
  // LAPACK says so on stderr when covariances overflow.
  double squares = 0;
  for (const float value : sample) squares += static_cast<double>(value) * value;
  if (!(squares < 1e36)) return {};
  const auto most = static_cast<size_t>(static_cast<double>(width) * kMostAxes);
  faiss::PCAMatrix pca(static_cast<int>(width), static_cast<int>(most));
  pca.train(static_cast<faiss::idx_t>(n), sample.data());
  double all = 0, held = 0;
  for (const float value : pca.eigenvalues) all += std::max(value, 0.0f);
  size_t m = 0;
  while (m < most && m < pca.eigenvalues.size() && held < kVariance * all) held += std::max(pca.eigenvalues[m++], 0.0f);
  m = std::max<size_t>((m + 31) / 32 * 32, 32);
  if (!(all > 0) || held < kVariance * all || m > most) return {};
  *scanned = m;
  std::vector<float> matrix(pca.A.begin(), pca.A.begin() + static_cast<int64_t>((m + finer(m, most, width)) * width));
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
  plane.matrix = axes_of(wide, width, &plane.scanned);
  return plane;
}

}  // namespace

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

bool FlatCodes::search(const faiss::IndexFlat& index, int64_t n, const float* x, int64_t k, int threads,
                       const Allowed& allowed, int64_t* rows, float* distances) const {
  const int64_t d = index.d, at_once = queries_at_once(n, threads), tiles = (n + at_once - 1) / at_once;
  std::vector<BoundQuery> queries(static_cast<size_t>(n));
  std::atomic<bool> covered{true};
  const auto of_tile = [&](int64_t tile) { return std::min(at_once, n - tile * at_once); };
  run_in_parts(tiles, threads, [&](int64_t tile) {
    const int64_t q = tile * at_once;
    BoundQuery* its = queries.data() + q;
    codes_.prepare(x + q * d, static_cast<size_t>(of_tile(tile)), its);
    if (!std::all_of(its, its + of_tile(tile), [&](const BoundQuery& one) { return codes_.covers(one); })) {
      covered = false;
    }
  });
  if (!covered) return false;
  const BoundSearch search{codes_, index, k, tiles == 1 ? threads : 1, allowed};
  run_in_parts(tiles, threads, [&](int64_t tile) {
    const int64_t q = tile * at_once;
    looked_ += search_by_bound(search, of_tile(tile), queries.data() + q, x + q * d, rows + q * k, distances + q * k);
  });
  asked_ += n;
  return true;
}

}  // namespace quiver
