#include "core/graph_inserter.h"

#include <algorithm>

#include "core/graph_layer.h"

namespace quiver {

namespace {

// Kept candidates that one is compared with at a time: most are turned down by one of the first.
constexpr size_t kAtATime = 8;

class Hold {
 public:
  explicit Hold(omp_lock_t& lock) : lock_(lock) { omp_set_lock(&lock_); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { omp_unset_lock(&lock_); }

 private:
  omp_lock_t& lock_;
};

}  // namespace

GraphInserter::GraphInserter(faiss::HNSW& hnsw, const kernels::ByteCodes& codes, std::vector<omp_lock_t>& locks)
    : hnsw_(hnsw), codes_(codes), locks_(locks) {
  const auto most = static_cast<size_t>(std::max(hnsw.efConstruction, hnsw.nb_neighbors(0))) + 1;
  space_.begin(locks.size());
  space_.pool.reserve(most);
  for (auto* list : {&chosen_, &rivals_}) list->reserve(most);
  kept_.resize(most);
  scores_.resize(most);
  for (auto* query : {&query_, &source_, &candidate_}) codes.prepare_row(0, *query);
}

void GraphInserter::thin_out(int32_t row, Candidates& candidates, size_t most) {
  if (candidates.size() < most) return;
  size_t kept = 0;
  for (const auto& one : candidates) {
    codes_.prepare_row(one.row, candidate_);
    // As seen from the candidate, so that scores compare.
    int32_t own;
    codes_.scores(candidate_, &row, 1, &own);
    bool good = true;
    for (size_t i = 0; i < kept && good; i += kAtATime) {
      const size_t n = std::min(kAtATime, kept - i);
      codes_.scores(candidate_, kept_.data() + i, n, scores_.data());
      for (size_t j = 0; j < n; j++) good = good && scores_[j] >= own;
    }
    if (!good) continue;
    // Written over one that was looked at before.
    candidates[kept] = one;
    kept_[kept++] = one.row;
    if (kept == most) break;
  }
  candidates.resize(kept);
}

void GraphInserter::add_link(int32_t from, int32_t to, int level) {
  size_t begin, end;
  hnsw_.neighbor_range(from, level, &begin, &end);
  auto* links = hnsw_.neighbors.data() + begin;
  const size_t width = end - begin;
  if (links[width - 1] < 0) {
    size_t free = width - 1;
    while (free > 0 && links[free - 1] < 0) free--;
    links[free] = to;
    return;
  }
  codes_.prepare_row(from, source_);
  kept_[0] = to;
  std::copy_n(links, width, kept_.data() + 1);
  for (size_t i = 0; i <= width; i++) codes_.prefetch(kept_[i]);
  codes_.scores(source_, kept_.data(), width + 1, scores_.data());
  rivals_.clear();
  for (size_t i = 0; i <= width; i++) rivals_.push_back({scores_[i], kept_[i]});
  std::sort(rivals_.begin(), rivals_.end(), [](const auto& a, const auto& b) { return a.score < b.score; });
  thin_out(from, rivals_, width);
  for (size_t i = 0; i < width; i++) links[i] = i < rivals_.size() ? rivals_[i].row : -1;
}

void GraphInserter::connect(int32_t row, int level) {
  {
    // Others may have found it on a higher level and linked to it already.
    const Hold hold(locks_[static_cast<size_t>(row)]);
    for (const auto& one : chosen_) add_link(row, one.row, level);
  }
  for (const auto& one : chosen_) {
    const Hold hold(locks_[static_cast<size_t>(one.row)]);
    add_link(one.row, row, level);
  }
}

void GraphInserter::insert(int32_t row, int level) {
  int32_t nearest = hnsw_.entry_point;
  if (nearest < 0) {
    hnsw_.max_level = level;
    hnsw_.entry_point = row;
    return;
  }
  codes_.prepare_row(row, query_);
  int at = hnsw_.max_level;
  for (; at > level; at--) nearest = kernels::descend(layer(hnsw_, at, locks_.size()), codes_, query_, nearest);
  for (; at >= 0; at--) {
    const kernels::GraphView view = layer(hnsw_, at, locks_.size());
    kernels::walk(view, codes_, query_, nearest, static_cast<size_t>(hnsw_.efConstruction), space_);
    chosen_.assign(space_.pool.begin(), space_.pool.end());
    chosen_.erase(std::remove_if(chosen_.begin(), chosen_.end(), [&](const auto& one) { return one.row == row; }),
                  chosen_.end());
    if (!chosen_.empty()) nearest = chosen_[0].row;
    thin_out(row, chosen_, view.width);
    connect(row, at);
  }
  if (level > hnsw_.max_level) {
    hnsw_.max_level = level;
    hnsw_.entry_point = row;
  }
}

}  // namespace quiver
