#include "core/graph_linker.h"

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>

#include "core/graph_inserter.h"

namespace quiver {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSlice = std::chrono::microseconds(2000);

std::unique_ptr<faiss::DistanceComputer> distance_to(const faiss::Index& storage) {
  std::unique_ptr<faiss::DistanceComputer> plain(storage.get_distance_computer());
  if (!faiss::is_similarity_metric(storage.metric_type)) return plain;
  auto negative = std::make_unique<faiss::NegativeDistanceComputer>(plain.get());
  static_cast<void>(plain.release());  // the other owns it now
  return negative;
}

}  // namespace

// What each thread of the team needs, and the first exception of any: one that left an OpenMP region would end the
// process.
struct GraphLinker::Tools {
  std::vector<std::unique_ptr<faiss::VisitedTable>> visited;
  std::vector<std::unique_ptr<faiss::DistanceComputer>> distance;
  std::vector<std::unique_ptr<GraphInserter>> inserters;  // in place of the other two where there are codes
  int team;
  std::mutex mutex;
  std::exception_ptr failure;

  Tools(faiss::IndexHNSW& graph, int threads, const kernels::ByteCodes* codes, std::vector<omp_lock_t>& locks)
      : team(threads) {
    for (int t = 0; t < team; t++) {
      if (codes != nullptr) {
        inserters.push_back(std::make_unique<GraphInserter>(graph.hnsw, *codes, locks));
        continue;
      }
      visited.push_back(std::make_unique<faiss::VisitedTable>(static_cast<int>(graph.ntotal)));
      distance.push_back(distance_to(*graph.storage));
    }
  }
  void fail(std::exception_ptr error) noexcept {
    std::lock_guard<std::mutex> guard(mutex);
    if (!failure) failure = std::move(error);
  }
};

void GraphLinker::make_locks() {
  if (node_locks_.size() >= static_cast<size_t>(graph_.ntotal)) return;
  const size_t old = node_locks_.size();
  node_locks_.resize(std::max(static_cast<size_t>(graph_.ntotal), old + old / 2));
  for (size_t i = old; i < node_locks_.size(); i++) omp_init_lock(&node_locks_[i]);
}

// FAISS holds the lock of a node while it allocates, and an exception leaves it taken: the rest of the team would wait
// for it for ever. So all are given back. A thread that is linking a node just then may lose a link to another one,
// never more: lists of neighbours are plain numbers in place. (libgomp lets a lock that is free be given back.)
void GraphLinker::release_locks() noexcept {
  for (auto& lock : node_locks_) omp_unset_lock(&lock);
}

void GraphLinker::insert(Tools& tools, size_t thread, int64_t place, const float* x) {
  const int64_t row = order_[static_cast<size_t>(place)];
  const int level = graph_.hnsw.levels[static_cast<size_t>(row)] - 1;
  if (!tools.inserters.empty()) {
    tools.inserters[thread]->insert(static_cast<int32_t>(row), level);
  } else {
    faiss::DistanceComputer& distance = *tools.distance[thread];
    distance.set_query(x + (row - first_) * graph_.d);
    graph_.hnsw.add_with_locks(distance, level, static_cast<int>(row), node_locks_, *tools.visited[thread],
                               graph_.keep_max_size_level0 && level == 0);
  }
  done_[static_cast<size_t>(row - first_)] = 1;
}

// A slice ends when a reader waits, not before, so that an add without searches beside it runs at full speed.
void GraphLinker::run_slice(Tools& tools, const float* x) {
  const auto n = static_cast<int64_t>(order_.size());
  const int team = tools.team;
  std::lock_guard<FairLock> hold(lock_);
  const auto deadline = Clock::now() + kSlice;
  // A node above the top level becomes the entry point, which FAISS changes without a lock: those go alone.
  auto above_top = [&] {
    const auto row = static_cast<size_t>(order_[static_cast<size_t>(next_.load())]);
    return graph_.hnsw.levels[row] - 1 > graph_.hnsw.max_level;
  };
  while (next_ < n && above_top()) insert(tools, 0, next_++, x);
#pragma omp parallel num_threads(team) if (team > 1)
  {
    const auto thread = static_cast<size_t>(omp_get_thread_num());
    try {
      while (true) {
        const int64_t place = next_.fetch_add(1);
        if (place >= n) break;
        insert(tools, thread, place, x);
        if (lock_.readers_waiting() && Clock::now() > deadline) break;
      }
    } catch (...) {
      tools.fail(std::current_exception());
      next_ = n;
      release_locks();
    }
  }
}

void GraphLinker::link(int64_t first, int64_t n, const float* x, int threads, const kernels::ByteCodes* codes) {
  first_ = first;
  make_locks();
  done_.assign(static_cast<size_t>(n), 0);
  order_.resize(static_cast<size_t>(n));
  std::iota(order_.begin(), order_.end(), first);
  // From the highest level down, as FAISS does.
  std::stable_sort(order_.begin(), order_.end(), [&](int64_t a, int64_t b) {
    return graph_.hnsw.levels[static_cast<size_t>(a)] > graph_.hnsw.levels[static_cast<size_t>(b)];
  });
  Tools tools(graph_, static_cast<int>(std::min<int64_t>(threads, n)), codes, node_locks_);
  try {
    while (next_ < n) run_slice(tools, x);
    if (tools.failure) std::rethrow_exception(tools.failure);
  } catch (...) {
    // FAISS has left locks taken, which the next add would wait for.
    node_locks_.clear();
    throw;
  }
}

}  // namespace quiver
