#include "core/linking_codes.h"

#include <faiss/IndexFlat.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "kernels/graph_walk.h"
#include "kernels/level.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

// Fewer are linked sooner than codes are made; and linking a row takes as long as making codes of so many.
constexpr int64_t kFewest = 256, kRowsALink = 64;
constexpr int64_t kMaxDim = 8192;
constexpr size_t kTrials = 32, kTrialRows = 1024, kNearest = 10;
constexpr double kLeastShare = 0.9;
// Of the components of later vectors, this share may be cut before a new scale is due.
constexpr double kMostClipped = 1e-3;

// For n rows to come.
bool suits(const faiss::IndexHNSW& graph, int64_t n) {
  const bool known = graph.metric_type == faiss::METRIC_L2 || graph.metric_type == faiss::METRIC_INNER_PRODUCT;
  return kernels::level() != kernels::Level::kOff && known &&
         dynamic_cast<const faiss::IndexFlat*>(graph.storage) != nullptr && graph.d <= kMaxDim &&
         static_cast<size_t>(graph.hnsw.nb_neighbors(0)) < kernels::kMaxLinks && !graph.keep_max_size_level0 &&
         n >= kFewest && graph.ntotal <= n * kRowsALink;
}

kernels::ByteScale both(const kernels::ByteScale& a, const kernels::ByteScale& b) {
  if (a.exact && b.exact) return a;
  // Symmetric ones, and those from 0 on, stay what they are at another scale.
  kernels::ByteScale most = a.scale > b.scale ? a : b;
  if (a.offset < 0 || b.offset < 0) {
    const auto reach = [](const kernels::ByteScale& one) { return one.offset < 0 ? one.scale : one.scale * 255 / 127; };
    most.scale = std::max(reach(a), reach(b));
    most.offset = -128 * most.scale;
  }
  most.exact = false;
  return most;
}

// Of the ten nearest to each of some vectors among others, how many codes have among their ten nearest.
double agreement(const kernels::ByteScale& scale, const float* x, size_t n, size_t d, bool similarity) {
  kernels::ByteCodes codes(d, scale, similarity);
  const size_t rows = std::min(n, kTrialRows), apart = n / rows;
  std::vector<float> sample(rows * d);
  for (size_t i = 0; i < rows * d; i++) sample[i] = kernels::read_at(x, i / d * apart * d + i % d);
  codes.append(sample.data(), rows);
  std::vector<int32_t> all(rows), scores(rows);
  for (size_t i = 0; i < rows; i++) all[i] = static_cast<int32_t>(i);
  const size_t nearest = std::min(kNearest + 1, rows), trials = std::min(kTrials, rows);
  size_t found = 0;
  kernels::ByteQuery query;
  std::vector<std::pair<float, int32_t>> by_codes(rows), by_vectors(rows);
  for (size_t trial = 0; trial < trials; trial++) {
    const size_t q = trial * (rows / trials);
    codes.prepare_row(static_cast<int32_t>(q), query);
    codes.scores(query, all.data(), rows, scores.data());
    const float* its = sample.data() + q * d;
    for (size_t i = 0; i < rows; i++) {
      const float* row = sample.data() + i * d;
      by_codes[i] = {static_cast<float>(scores[i]), all[i]};
      by_vectors[i] = {similarity ? -faiss::fvec_inner_product(its, row, d) : faiss::fvec_L2sqr(its, row, d), all[i]};
    }
    const auto middle = static_cast<int64_t>(nearest) - 1;
    std::nth_element(by_codes.begin(), by_codes.begin() + middle, by_codes.end());
    std::nth_element(by_vectors.begin(), by_vectors.begin() + middle, by_vectors.end());
    // By their distance, so that equal vectors stand for each other.
    const float last = by_vectors[nearest - 1].first;
    std::vector<float> distance(rows);
    for (const auto& [value, row] : by_vectors) distance[static_cast<size_t>(row)] = value;
    for (size_t i = 0; i < nearest; i++) found += distance[static_cast<size_t>(by_codes[i].second)] <= last ? 1 : 0;
  }
  return static_cast<double>(found) / static_cast<double>(trials * nearest);
}

}  // namespace

void LinkingCodes::prepare(const faiss::IndexHNSW& graph, int64_t n, const float* x) {
  const bool kept = codes_ && static_cast<int64_t>(codes_->size()) == graph.ntotal &&
                    static_cast<double>(codes_->clipped()) <= kMostClipped * static_cast<double>(codes_->components());
  if (kept || refused_) return;
  codes_.reset();
  expected_ = std::max(expected_, n);
  if (!suits(graph, expected_)) return;
  const auto rows = static_cast<size_t>(graph.ntotal), more = static_cast<size_t>(n), d = static_cast<size_t>(graph.d);
  const bool similarity = graph.metric_type == faiss::METRIC_INNER_PRODUCT;
  const float* stored = static_cast<const faiss::IndexFlat*>(graph.storage)->get_xb();
  try {
    auto scale = kernels::ByteScale::of(x, more, d, similarity);
    if (rows > 0) scale = both(scale, kernels::ByteScale::of(stored, rows, d, similarity));
    refused_ = agreement(scale, x, more, d, similarity) < kLeastShare;
    if (refused_) return;
    codes_.emplace(kernels::ByteCodes(d, scale, similarity).grown(rows + static_cast<size_t>(expected_)));
    codes_->append(stored, rows);
  } catch (const std::bad_alloc&) {
    codes_.reset();
    refused_ = true;
  }
}

const kernels::ByteCodes* LinkingCodes::with(int64_t n, const float* x) {
  expected_ -= n;
  if (!codes_) return nullptr;
  codes_->append(x, static_cast<size_t>(n));
  return &*codes_;
}

}  // namespace quiver
