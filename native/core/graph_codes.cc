#include "core/graph_codes.h"

#include <faiss/IndexFlat.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/structure.h"
#include "kernels/graph_walk.h"
#include "kernels/level.h"

namespace quiver {

namespace {

constexpr size_t kMaxDim = 8192;  // sums of products stay within 32 bits
constexpr int kMaxWidth = 1024;
// Of the components of later vectors, this share may be cut before a new scale is due.
constexpr double kMostClipped = 1e-3;
// Nearest by codes that are put in order by their vectors: this many more than wanted, and at least twice as many.
constexpr int64_t kSpare = 10;
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

int64_t spare_of(int64_t k) {
  return k + std::max(k, kSpare);
}

// From the entry point down to the base layer, always to the nearest neighbour.
int32_t descend(const faiss::HNSW& hnsw, const kernels::ByteCodes& codes, const kernels::ByteQuery& query) {
  int32_t at = hnsw.entry_point, score, scores[kMaxWidth];
  codes.scores(query, &at, 1, &score);
  for (int level = hnsw.max_level; level > 0; level--) {
    for (bool moved = true; moved;) {
      moved = false;
      size_t begin, end;
      hnsw.neighbor_range(at, level, &begin, &end);
      const int32_t* links = hnsw.neighbors.data() + begin;
      size_t n = 0;
      while (n < end - begin && links[n] >= 0) codes.prefetch(links[n++]);
      codes.scores(query, links, n, scores);
      for (size_t i = 0; i < n; i++) {
        if (scores[i] >= score) continue;
        score = scores[i];
        at = links[i];
        moved = true;
      }
    }
  }
  return at;
}

// Share of FAISS's answers to queries between vectors of the index that codes find too, or find better ones.
double agreement(const faiss::IndexHNSW& graph, const GraphCodes& codes) {
  const auto d = static_cast<size_t>(graph.d);
  const float* x = vectors_of(graph);
  std::vector<float> queries(kTrials * d);
  for (int64_t i = 0; i < kTrials; i++) {
    const float* a = x + static_cast<size_t>(i * (graph.ntotal / kTrials)) * d;
    const float* b = x + static_cast<size_t>((i * 7919 + 1) % graph.ntotal) * d;
    for (size_t j = 0; j < d; j++) queries[static_cast<size_t>(i) * d + j] = 0.8f * a[j] + 0.2f * b[j];
  }
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

}  // namespace

bool GraphCodes::suits(const faiss::Index& index) {
  if (kernels::level() == kernels::Level::kOff) return false;
  const auto* graph = dynamic_cast<const faiss::IndexHNSWFlat*>(&index);
  if (graph == nullptr || graph->ntotal < kFewest || graph->hnsw.entry_point < 0) return false;
  const bool known = graph->metric_type == faiss::METRIC_L2 || graph->metric_type == faiss::METRIC_INNER_PRODUCT;
  return known && static_cast<size_t>(graph->d) <= kMaxDim && graph->hnsw.nb_neighbors(0) <= kMaxWidth &&
         dynamic_cast<const faiss::IndexFlat*>(graph->storage) != nullptr;
}

std::unique_ptr<GraphCodes> GraphCodes::derive(const faiss::Index& index) {
  if (!suits(index)) return nullptr;
  const auto& graph = static_cast<const faiss::IndexHNSW&>(index);
  const auto n = static_cast<size_t>(graph.ntotal), d = static_cast<size_t>(graph.d);
  const float* x = vectors_of(graph);
  const auto scale = kernels::ByteScale::of(x, n, d, similarity(graph));
  kernels::ByteCodes codes(d, scale, similarity(graph));
  codes = codes.grown(n);
  codes.append(x, n);
  std::unique_ptr<GraphCodes> made(new GraphCodes(std::move(codes)));
  if (agreement(graph, *made) < kLeastShare) return nullptr;
  return made;
}

std::unique_ptr<GraphCodes> GraphCodes::grown(int64_t rows) const {
  return std::unique_ptr<GraphCodes>(new GraphCodes(codes_.grown(static_cast<size_t>(rows))));
}

bool GraphCodes::outgrown() const {
  return static_cast<double>(codes_.clipped()) > kMostClipped * static_cast<double>(codes_.components());
}

void GraphCodes::search(const faiss::IndexHNSW& graph, int64_t n, const float* x, int64_t k, int64_t ef,
                        const std::function<bool(int64_t)>& allowed, int64_t* rows, float* distances) const {
  thread_local kernels::WalkSpace space;
  const faiss::HNSW& hnsw = graph.hnsw;
  const kernels::GraphView view{hnsw.neighbors.data(), hnsw.offsets.data(),
                                static_cast<size_t>(hnsw.cum_nneighbor_per_level[1]),
                                static_cast<size_t>(graph.ntotal)};
  const auto d = static_cast<size_t>(graph.d);
  const float* vectors = vectors_of(graph);
  const bool descending = similarity(graph);
  const auto most = static_cast<size_t>(std::min(std::max(ef, k), graph.ntotal));
  std::vector<std::pair<float, int64_t>> best;
  for (int64_t q = 0; q < n; q++) {
    const float* query = x + static_cast<size_t>(q) * d;
    codes_.prepare(query, space.query);
    kernels::walk(view, codes_, descend(hnsw, codes_, space.query), most, space);
    best.clear();
    const auto wanted = static_cast<size_t>(space.query.exact ? k : spare_of(k));
    for (const auto& candidate : space.pool) {
      if (best.size() == wanted) break;
      if (allowed && !allowed(candidate.row)) continue;
      best.emplace_back(codes_.distance(space.query, candidate.score), candidate.row);
    }
    if (!space.query.exact) rescore(query, vectors, d, descending, best);
    if (descending && space.query.exact) {
      for (auto& one : best) one.first = -one.first;
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
