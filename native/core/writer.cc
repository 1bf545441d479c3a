#include "core/writer.h"

#include <faiss/IndexIVFFastScan.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <numeric>
#include <utility>

#include "core/structure.h"

namespace quiver {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSlice = std::chrono::microseconds(2000);
constexpr int64_t kGraphChunk = 1024;  // rows stored, and then linked, at a time
constexpr int64_t kFirstSlice = 64;

// Grows a vector of FAISS without a long hold of the lock: copies aside, then swaps.
template <typename T>
void grow(faiss::MaybeOwnedVector<T>& data, size_t size, FairLock& lock) {
  const size_t has = data.is_owned ? data.owned_data.capacity() : 0;
  if (has >= size) return;
  std::vector<T> bigger;
  bigger.reserve(data.size() == 0 ? size : std::max(size, data.size() + data.size() / 2));
  bigger.assign(data.data(), data.data() + data.size());
  faiss::MaybeOwnedVector<T> old;
  {
    std::lock_guard<FairLock> hold(lock);
    old = std::move(data);
    data = faiss::MaybeOwnedVector<T>(std::move(bigger));
  }
}

template <typename T>
void grow(std::vector<T>& data, size_t size, FairLock& lock) {
  if (data.capacity() >= size) return;
  std::vector<T> bigger;
  bigger.reserve(data.empty() ? size : std::max(size, data.size() + data.size() / 2));
  bigger.assign(data.begin(), data.end());
  std::lock_guard<FairLock> hold(lock);
  data.swap(bigger);
}

// How many vectors fit a slice, learnt from how long the last one took.
class SliceSize {
 public:
  int64_t next(int64_t left) const { return std::min(left, size_); }
  void learn(int64_t n, Clock::duration took) {
    const double ratio = std::chrono::duration<double>(kSlice) / std::max(took, Clock::duration(1000));
    size_ = std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(n) * std::min(ratio, 4.0)), 1, 1 << 16);
  }

 private:
  int64_t size_ = kFirstSlice;
};

std::unique_ptr<faiss::DistanceComputer> distance_to(const faiss::Index& storage) {
  std::unique_ptr<faiss::DistanceComputer> plain(storage.get_distance_computer());
  if (!faiss::is_similarity_metric(storage.metric_type)) return plain;
  return std::make_unique<faiss::NegativeDistanceComputer>(plain.release());
}

// The file that the index was read from goes when nothing points into it any more.
void let_go_of_file(Body& body, FairLock& lock) {
  if (!body.region || has_views(body.index.get()) || !views_are_known(body.index.get())) return;
  std::shared_ptr<Region> unused;
  std::lock_guard<FairLock> hold(lock);
  unused.swap(body.region);
}

}  // namespace

void make_codes_writable(Body& body, FairLock& lock) {
  for (auto* codes : all_codes(body.index.get())) grow(codes->codes, codes->codes.size(), lock);
  let_go_of_file(body, lock);
}

void Writer::reserve(int64_t n) {
  faiss::Index* index = body_.index.get();
  const auto rows = static_cast<size_t>(index->ntotal + n);
  if (has_views(index) && as_ivf(base_of(index)) != nullptr) {
    // Lists are many small vectors: copying them all at once under the lock is the one long hold there is.
    std::lock_guard<FairLock> hold(lock_);
    own_memory(index);
  }
  for (auto* codes : all_codes(index)) grow(codes->codes, rows * codes->code_size, lock_);
  if (auto* graph = as_hnsw(base_of(index))) {
    const size_t links_a_row = static_cast<size_t>(graph->hnsw.cum_nneighbor_per_level[1]);
    // Upper levels add about 1 / M of the rows once more.
    grow(graph->hnsw.neighbors, graph->hnsw.neighbors.size() + (rows - index->ntotal) * (links_a_row + 2), lock_);
    grow(graph->hnsw.levels, rows, lock_);
    grow(graph->hnsw.offsets, rows + 1, lock_);
  }
  let_go_of_file(body_, lock_);
  if (!body_.rows.has_room(static_cast<int64_t>(rows))) {
    RowIds bigger = body_.rows.grown(static_cast<int64_t>(rows + rows / 4));
    std::lock_guard<FairLock> hold(lock_);
    std::swap(body_.rows, bigger);
  }
}

int64_t Writer::append(int64_t n, const float* x, const Commit& commit) {
  if (auto* graph = as_hnsw(body_.index.get())) return append_graph(*graph, n, x, commit);
  if (auto* lists = as_ivf(body_.index.get())) {
    if (dynamic_cast<faiss::IndexIVFFastScan*>(lists) == nullptr) return append_lists(*lists, n, x, commit);
  }
  return append_whole(n, x, commit);
}

int64_t Writer::append_whole(int64_t n, const float* x, const Commit& commit) {
  SliceSize slice;
  int64_t done = 0;
  while (done < n && !ticket_.aborted()) {
    const int64_t m = slice.next(n - done);
    const auto start = Clock::now();
    {
      std::lock_guard<FairLock> hold(lock_);
      body_.index->add(m, x + done * body_.index->d);
      commit(done, m);
    }
    slice.learn(m, Clock::now() - start);
    done += m;
  }
  return done;
}

int64_t Writer::append_lists(faiss::IndexIVF& lists, int64_t n, const float* x, const Commit& commit) {
  // FAISS numbers the entries on from ntotal, which is what rows are. The assignment reads only the quantizer, which
  // does not change.
  constexpr int64_t kAssignBlock = 4096;
  SliceSize slice;
  std::vector<faiss::idx_t> assigned(static_cast<size_t>(std::min(n, kAssignBlock)));
  int64_t done = 0;
  while (done < n && !ticket_.aborted()) {
    const int64_t block = std::min(n - done, kAssignBlock);
    lists.quantizer->assign(block, x + done * lists.d, assigned.data());
    for (int64_t at = 0; at < block && !ticket_.aborted();) {
      const int64_t m = slice.next(block - at);
      const auto start = Clock::now();
      {
        std::lock_guard<FairLock> hold(lock_);
        lists.add_core(m, x + (done + at) * lists.d, nullptr, assigned.data() + at);
        commit(done + at, m);
      }
      slice.learn(m, Clock::now() - start);
      at += m;
      if (at == block || ticket_.aborted()) done += at;
    }
  }
  return done;
}

int64_t Writer::append_graph(faiss::IndexHNSW& graph, int64_t n, const float* x, const Commit& commit) {
  int64_t done = 0;
  while (done < n && !ticket_.aborted()) {
    const int64_t m = std::min(n - done, kGraphChunk);
    const int64_t first = graph.ntotal;
    const float* chunk = x + done * graph.d;
    {
      std::lock_guard<FairLock> hold(lock_);
      graph.storage->add(m, chunk);
      graph.hnsw.prepare_level_tab(static_cast<size_t>(m));
      graph.ntotal = graph.storage->ntotal;
      commit(done, m);
    }
    // A chunk that is stored is linked to its end, cancelled or not: a row without links would never be found.
    link(graph, first, m, chunk);
    done += m;
  }
  return done;
}

// FAISS's own insertion (HNSW::add_with_locks), in slices: a slice ends when a reader waits, not before, so that an
// add without searches beside it runs at full speed.
void Writer::link(faiss::IndexHNSW& graph, int64_t first, int64_t n, const float* x) {
  faiss::HNSW& hnsw = graph.hnsw;
  auto& locks = body_.node_locks;
  if (locks.size() < static_cast<size_t>(graph.ntotal)) {
    const size_t old = locks.size();
    locks.resize(std::max(static_cast<size_t>(graph.ntotal), old + old / 2));
    for (size_t i = old; i < locks.size(); i++) omp_init_lock(&locks[i]);
  }
  // From the highest level down, as FAISS does.
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), first);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return hnsw.levels[static_cast<size_t>(a)] > hnsw.levels[static_cast<size_t>(b)];
  });

  const int team = static_cast<int>(std::min<int64_t>(threads_, n));
  std::vector<std::unique_ptr<faiss::VisitedTable>> visited;
  std::vector<std::unique_ptr<faiss::DistanceComputer>> distance;
  for (int t = 0; t < team; t++) {
    visited.push_back(std::make_unique<faiss::VisitedTable>(static_cast<int>(graph.ntotal)));
    distance.push_back(distance_to(*graph.storage));
  }
  auto insert = [&](int64_t row, int t) {
    distance[t]->set_query(x + (row - first) * graph.d);
    hnsw.add_with_locks(*distance[t], hnsw.levels[static_cast<size_t>(row)] - 1, static_cast<int>(row), locks,
                        *visited[t], graph.keep_max_size_level0 && hnsw.levels[static_cast<size_t>(row)] == 1);
  };

  std::atomic<int64_t> next{0};
  while (next < n) {
    std::lock_guard<FairLock> hold(lock_);
    const auto deadline = Clock::now() + kSlice;
    // A node above the top level becomes the entry point, which FAISS changes without a lock: those go alone.
    while (next < n && hnsw.levels[static_cast<size_t>(order[next])] - 1 > hnsw.max_level) insert(order[next++], 0);
#pragma omp parallel num_threads(team) if (team > 1)
    {
      const int t = omp_get_thread_num();
      while (true) {
        const int64_t i = next.fetch_add(1);
        if (i >= n) break;
        insert(order[static_cast<size_t>(i)], t);
        if (lock_.readers_waiting() && Clock::now() > deadline) break;
      }
    }
  }
}

}  // namespace quiver
