#include "core/graph_codes.h"

#include <faiss/IndexFlat.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/graph_layer.h"
#include "core/structure.h"
#include "core/subspace.h"
#include "core/trial_queries.h"
#include "kernels/graph_walk.h"
#include "kernels/level.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

constexpr size_t kMaxDim = 8192;  // sums of products stay within 32 bits
// Of the components of later vectors, this share may be cut before a new scale is due.
constexpr double kMostClipped = 1e-3;
// Nearest by codes that are put in order by their vectors: so many times as many as wanted, and at least as if ten
// were.
constexpr int64_t kByteSpare = 2, kNibbleSpare = 3, kLeastSpare = 10;
// Rows of fewer components fit so few lines of memory as bytes that 4 bits gain nothing.
constexpr size_t kLeastNibbles = 128;
// Longer rows are tried in a subspace of this many dimensions, if so much of the variance lies in it.
constexpr size_t kSubspace = 256, kLongRow = 512;
constexpr double kLeastVariance = 0.85;
constexpr size_t kSample = 4096;
// Rows whose codes are made between two looks at whether they are still wanted.
constexpr int64_t kBlock = 4096;
// Rows whose vectors are asked for before they are compared, and how many numbers of each: the rest comes by itself.
constexpr size_t kAhead = 4, kPrefetched = 256;
// The trial that decides whether codes are good enough.
constexpr int64_t kTrials = 64, kTrialK = 10;
constexpr double kLeastShare = 0.985;

const float* vectors_of(const faiss::IndexHNSW& graph) {
  return static_cast<const faiss::IndexFlat*>(graph.storage)->get_xb();
}

bool similarity(const faiss::IndexHNSW& graph) {
  return graph.metric_type == faiss::METRIC_INNER_PRODUCT;
}

// From the entry point to the node of the base layer that is nearest above it.
template <class Codes, class Query>
int32_t entry_of(const faiss::HNSW& hnsw, size_t rows, const Codes& codes, const Query& query) {
  int32_t at = hnsw.entry_point;
  for (int level = hnsw.max_level; level > 0; level--)
    at = kernels::descend(layer(hnsw, level, rows), codes, query, at);
  return at;
}

// Share of FAISS's answers to queries between vectors of the index that codes find too, or find better ones.
double agreement(const faiss::IndexHNSW& graph, const GraphCodes& codes) {
  const auto queries = trial_queries(vectors_of(graph), graph.ntotal, static_cast<size_t>(graph.d), kTrials);
  std::vector<int64_t> rows(kTrials * kTrialK), theirs(kTrials * kTrialK);
  std::vector<float> distances(kTrials * kTrialK), their_distances(kTrials * kTrialK);
  faiss::SearchParametersHNSW parameters;
  parameters.efSearch = 64;
  graph.search(kTrials, queries.data(), kTrialK, their_distances.data(), theirs.data(), &parameters);
  codes.search(graph, kTrials, queries.data(), kTrialK, parameters.efSearch, nullptr, rows.data(), distances.data());
  int64_t found = 0, wanted = 0;
  for (int64_t i = 0; i < kTrials; i++) {
    const float last = their_distances[static_cast<size_t>(i * kTrialK + kTrialK - 1)];
    for (int64_t j = i * kTrialK; j < (i + 1) * kTrialK; j++) {
      if (theirs[static_cast<size_t>(j)] < 0) continue;
      wanted++;
      const float mine = distances[static_cast<size_t>(j)];
      found += rows[static_cast<size_t>(j)] >= 0 && (similarity(graph) ? mine >= last : mine <= last) ? 1 : 0;
    }
  }
  return wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
}

// Distances by the vectors themselves (similarities negated), in place of those by codes.
void rescore(const float* query, const float* vectors, size_t d, bool descending,
             std::vector<std::pair<float, int64_t>>& best) {
  const auto prefetch = [&](size_t i) {
    const float* row = vectors + static_cast<size_t>(best[i].second) * d;
    for (size_t j = 0; j < std::min<size_t>(d, kPrefetched); j += 16) __builtin_prefetch(row + j);
  };
  for (size_t i = 0; i < std::min(best.size(), kAhead); i++) prefetch(i);
  for (size_t i = 0; i < best.size(); i++) {
    if (i + kAhead < best.size()) prefetch(i + kAhead);
    const float* row = vectors + static_cast<size_t>(best[i].second) * d;
    best[i].first = descending ? -faiss::fvec_inner_product(query, row, d) : faiss::fvec_L2sqr(query, row, d);
  }
}

// The same by bytes that tell the distance itself.
void rescore(const kernels::ByteCodes& codes, const kernels::ByteQuery& query, bool descending,
             std::vector<std::pair<float, int64_t>>& best) {
  const auto row = [&](size_t i) { return static_cast<int32_t>(best[i].second); };
  for (size_t i = 0; i < std::min(best.size(), kAhead); i++) codes.prefetch(row(i));
  for (size_t i = 0; i < best.size(); i++) {
    if (i + kAhead < best.size()) codes.prefetch(row(i + kAhead));
    const int32_t at = row(i);
    int32_t score;
    codes.scores(query, &at, 1, &score);
    best[i].first = (descending ? -1 : 1) * codes.distance(query, score);
  }
}

}  // namespace

bool GraphCodes::suits(const faiss::Index& index) {
  if (kernels::level() == kernels::Level::kOff) return false;
  const auto* graph = dynamic_cast<const faiss::IndexHNSWFlat*>(&index);
  if (graph == nullptr || graph->ntotal < kFewest || graph->hnsw.entry_point < 0) return false;
  const bool known = graph->metric_type == faiss::METRIC_L2 || graph->metric_type == faiss::METRIC_INNER_PRODUCT;
  return known && static_cast<size_t>(graph->d) <= kMaxDim &&
         static_cast<size_t>(graph->hnsw.nb_neighbors(0)) <= kernels::kMaxLinks &&
         dynamic_cast<const faiss::IndexFlat*>(graph->storage) != nullptr;
}

std::unique_ptr<GraphCodes> GraphCodes::filled(const GraphCodes& empty, const faiss::IndexHNSW& graph,
                                               const Stop& stop) {
  auto made = empty.grown(graph.ntotal);
  const auto* x = reinterpret_cast<const char*>(vectors_of(graph));
  for (int64_t from = 0; from < graph.ntotal; from += kBlock) {
    if (stop && stop()) return nullptr;
    const auto* block = x + static_cast<size_t>(from * graph.d) * sizeof(float);
    made->append(reinterpret_cast<const float*>(block), std::min(kBlock, graph.ntotal - from));
  }
  return made;
}

std::unique_ptr<GraphCodes> GraphCodes::of_bytes(const faiss::IndexHNSW& graph, const Stop& stop) {
  const auto n = static_cast<size_t>(graph.ntotal), d = static_cast<size_t>(graph.d);
  GraphCodes empty;
  empty.bytes_.emplace(d, kernels::ByteScale::of(vectors_of(graph), n, d, similarity(graph)), similarity(graph));
  return filled(empty, graph, stop);
}

// Null also where no subspace is much smaller than the whole.
std::unique_ptr<GraphCodes> GraphCodes::of_nibbles(const faiss::IndexHNSW& graph, bool projected, const Stop& stop) {
  const auto n = static_cast<size_t>(graph.ntotal), d = static_cast<size_t>(graph.d);
  const float* x = vectors_of(graph);
  const size_t sampled = std::min(n, kSample), apart = n / sampled;
  std::vector<float> sample(sampled * d);
  for (size_t i = 0; i < sampled * d; i++) sample[i] = kernels::read_at(x, i / d * apart * d + i % d);
  GraphCodes empty;
  size_t size = d;
  if (projected) {
    size = kSubspace;
    if (sampled < 2 * size) return nullptr;
    const Subspace space = subspace_of(sample.data(), sampled, d, size, !similarity(graph));
    if (space.share < kLeastVariance) return nullptr;
    empty.projection_ = std::make_shared<const kernels::Projection>(space.basis.data(), space.mean.data(), size, d);
    for (size_t i = 0; i < sampled; i++) {
      // In place: what is read lies behind what is written.
      std::vector<float> row(sample.begin() + static_cast<int64_t>(i * d),
                             sample.begin() + static_cast<int64_t>((i + 1) * d));
      empty.projection_->apply(row.data(), sample.data() + i * size);
    }
  }
  empty.nibbles_.emplace(kernels::NibbleScale::of(sample.data(), sampled, size), similarity(graph));
  const auto scale = kernels::ByteScale::of(x, n, d, similarity(graph));
  if (scale.exact) empty.bytes_.emplace(d, scale, similarity(graph));
  return filled(empty, graph, stop);
}

std::unique_ptr<GraphCodes> GraphCodes::derive(const faiss::Index& index, const Stop& stop) {
  if (!suits(index)) return nullptr;
  const auto& graph = static_cast<const faiss::IndexHNSW&>(index);
  const auto d = static_cast<size_t>(graph.d);
  const auto good = [&](const std::unique_ptr<GraphCodes>& made) {
    return made != nullptr && agreement(graph, *made) >= kLeastShare;
  };
  std::unique_ptr<GraphCodes> made;
  if (d > kLongRow && good(made = of_nibbles(graph, true, stop))) return made;
  if (d >= kLeastNibbles && good(made = of_nibbles(graph, false, stop))) return made;
  if (good(made = of_bytes(graph, stop))) return made;
  return nullptr;
}

void GraphCodes::append(const float* x, int64_t n) {
  if (bytes_) bytes_->append(x, static_cast<size_t>(n));
  if (!nibbles_) return;
  if (!projection_) {
    nibbles_->append(x, static_cast<size_t>(n));
    return;
  }
  float projected[kernels::kMaxProjected];
  for (int64_t i = 0; i < n; i++) {
    projection_->apply(reinterpret_cast<const float*>(reinterpret_cast<const char*>(x) +
                                                      static_cast<size_t>(i) * projection_->dim() * sizeof(float)),
                       projected);
    nibbles_->append(projected, 1);
  }
}

void GraphCodes::truncate(int64_t rows) {
  if (bytes_) bytes_->truncate(static_cast<size_t>(rows));
  if (nibbles_) nibbles_->truncate(static_cast<size_t>(rows));
}

bool GraphCodes::has_room(int64_t rows) const {
  const auto wanted = static_cast<size_t>(rows);
  return (!bytes_ || bytes_->has_room(wanted)) && (!nibbles_ || nibbles_->has_room(wanted));
}

std::unique_ptr<GraphCodes> GraphCodes::grown(int64_t rows) const {
  std::unique_ptr<GraphCodes> copy(new GraphCodes());
  copy->projection_ = projection_;
  if (bytes_) copy->bytes_.emplace(bytes_->grown(static_cast<size_t>(rows)));
  if (nibbles_) copy->nibbles_.emplace(nibbles_->grown(static_cast<size_t>(rows)));
  return copy;
}

namespace {

template <typename Codes>
bool misfits(const std::optional<Codes>& codes) {
  return codes && static_cast<double>(codes->clipped()) > kMostClipped * static_cast<double>(codes->components());
}

}  // namespace

bool GraphCodes::outgrown() const {
  return misfits(bytes_) || misfits(nibbles_);
}

const kernels::ByteCodes* GraphCodes::linkable() const {
  return bytes_ && !misfits(bytes_) ? &*bytes_ : nullptr;
}

size_t GraphCodes::bytes() const {
  return (bytes_ ? bytes_->bytes() : 0) + (nibbles_ ? nibbles_->bytes() : 0) + (projection_ ? projection_->bytes() : 0);
}

// What a thread needs from search to search.
struct GraphCodes::Space {
  kernels::WalkSpace walk;
  kernels::ByteQuery bytes;
  kernels::NibbleQuery nibbles;
  std::vector<std::pair<float, int64_t>> best;
};

size_t GraphCodes::rescored(int64_t k, const Space& space) const {
  if (!nibbles_ && space.bytes.exact) return static_cast<size_t>(k);
  const int64_t times = nibbles_ ? kNibbleSpare : kByteSpare;
  return static_cast<size_t>(k + (times - 1) * std::max(k, kLeastSpare));
}

// Leaves candidates in space.walk.pool, or those that pass in space.walk.found, nearest first.
void GraphCodes::find(const faiss::IndexHNSW& graph, const float* query, int64_t k, int64_t ef,
                      const kernels::RowFilter* filter, Space& space) const {
  const faiss::HNSW& hnsw = graph.hnsw;
  const auto rows = static_cast<size_t>(graph.ntotal);
  const kernels::GraphView base = layer(hnsw, 0, rows);
  const auto walk = [&](const auto& codes, const auto& prepared, int64_t candidates) {
    const auto most = static_cast<size_t>(std::min(candidates, graph.ntotal));
    const int32_t entry = entry_of(hnsw, rows, codes, prepared);
    if (filter == nullptr) {
      kernels::walk(base, codes, prepared, entry, most, space.walk);
    } else {
      kernels::walk_filtered(base, codes, prepared, entry, most, *filter, rescored(k, space), space.walk);
    }
  };
  if (bytes_) bytes_->prepare(query, space.bytes);
  if (nibbles_) {
    float projected[kernels::kMaxProjected];
    if (projection_) projection_->apply(query, projected);
    nibbles_->prepare(projection_ ? projected : query, space.nibbles);
    // With as few candidates as wanted hits, one that 4 bits misplace is lost.
    walk(*nibbles_, space.nibbles, std::max(ef, k) + k / 2);
  } else {
    walk(*bytes_, space.bytes, std::max(ef, k));
  }
}

void GraphCodes::search(const faiss::IndexHNSW& graph, int64_t n, const float* x, int64_t k, int64_t ef,
                        const kernels::RowFilter* filter, int64_t* rows, float* distances) const {
  thread_local Space space;
  const auto d = static_cast<size_t>(graph.d);
  const bool descending = similarity(graph);
  auto& best = space.best;
  for (int64_t q = 0; q < n; q++) {
    const float* query = x + static_cast<size_t>(q) * d;
    find(graph, query, k, ef, filter, space);
    const auto& candidates = filter == nullptr ? space.walk.pool : space.walk.found;
    const size_t wanted = std::min(candidates.size(), rescored(k, space));
    best.clear();
    for (size_t i = 0; i < wanted; i++) {
      best.emplace_back(static_cast<float>(candidates[i].score), candidates[i].row);
    }
    if (bytes_ && space.bytes.exact) {
      rescore(*bytes_, space.bytes, descending, best);
    } else {
      rescore(query, vectors_of(graph), d, descending, best);
    }
    const auto found = std::min<size_t>(best.size(), static_cast<size_t>(k));
    std::partial_sort(best.begin(), best.begin() + static_cast<int64_t>(found), best.end());
    for (size_t i = 0; i < static_cast<size_t>(k); i++) {
      const size_t to = static_cast<size_t>(q * k) + i;
      rows[to] = i < found ? best[i].second : -1;
      distances[to] = i < found ? (descending ? -best[i].first : best[i].first)
                                : (descending ? -1 : 1) * std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace quiver
