#include "core/writer.h"

#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/graph_linker.h"
#include "core/huge_pages.h"
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
  want_huge_pages(bigger.data(), bigger.capacity() * sizeof(T));
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
  want_huge_pages(bigger.data(), bigger.capacity() * sizeof(T));
  bigger.assign(data.begin(), data.end());
  std::lock_guard<FairLock> hold(lock);
  data.swap(bigger);
}

// How long the lists of an index are before a slice, to cut off what a slice that throws has left at their ends. Other
// kinds of index have none.
class ListEnds {
 public:
  // Room for a slice that goes to `count` lists; 0: it may go to any.
  ListEnds(faiss::Index* index, size_t count) : lists_(as_ivf(base_of(index))) {
    if (lists_ != nullptr) sizes_.reserve(count > 0 ? count : lists_->nlist);
  }

  // With the lock held, as cut() too. Needs no memory.
  void note() {
    numbers_ = nullptr;
    sizes_.clear();
    for (size_t list = 0; lists_ != nullptr && list < lists_->nlist; list++) note(list);
  }
  void note(const faiss::idx_t* numbers, size_t n) {
    numbers_ = numbers;
    sizes_.clear();
    for (size_t i = 0; i < n; i++) note(numbers[i] < 0 ? 0 : static_cast<size_t>(numbers[i]));
  }
  void cut() {
    for (size_t i = 0; i < sizes_.size(); i++) {
      const auto list = numbers_ == nullptr ? i : static_cast<size_t>(std::max<faiss::idx_t>(numbers_[i], 0));
      // Also when it is as long as before: ids grow before codes do, so one may have grown without the other.
      lists_->invlists->resize(list, sizes_[i]);
    }
    if (lists_ == nullptr || lists_->direct_map.type != faiss::DirectMap::Array) return;
    auto& places = lists_->direct_map.array;
    if (places.size() > static_cast<size_t>(lists_->ntotal)) places.resize(static_cast<size_t>(lists_->ntotal));
  }

 private:
  void note(size_t list) { sizes_.push_back(lists_->invlists->list_size(list)); }

  faiss::IndexIVF* lists_;
  const faiss::idx_t* numbers_ = nullptr;  // which lists; null: all, in order
  std::vector<size_t> sizes_;
};

// How many vectors fit a slice, learnt from how long the last one took.
class SliceSize {
 public:
  int64_t next(int64_t left) const { return std::min(left, size_); }
  void learn(int64_t n, Clock::duration took) {
    const bool fewer = n < last_n_, no_sooner = 4 * took > 3 * last_took_;
    const int64_t before = last_n_;
    last_n_ = n;
    last_took_ = took;
    if (took > kSlice && fewer && no_sooner) {
      // What it costs to begin: even fewer would each pay that.
      size_ = before;
      return;
    }
    const double ratio = std::chrono::duration<double>(kSlice) / std::max(took, Clock::duration(1000));
    size_ =
        std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(n) * std::min(ratio, 4.0)), 1, Writer::kMaxSlice);
  }

 private:
  int64_t size_ = kFirstSlice;
  int64_t last_n_ = 0;
  Clock::duration last_took_{};
};

// The codes of vectors can be made without the lock, and it pays: product quantizers with long parts compare by BLAS,
// which takes milliseconds to begin.
bool is_coded_aside(const faiss::IndexIVF& lists) {
  return typeid(lists) == typeid(faiss::IndexIVFPQ);
}

// As add_core(), of codes.
void add_codes(faiss::IndexIVF& lists, int64_t n, const faiss::idx_t* numbers, const uint8_t* codes) {
  for (int64_t i = 0; i < n; i++) {
    const faiss::idx_t row = lists.ntotal + i, list = numbers[i];
    size_t place = 0;
    if (list >= 0) {
      place =
          lists.invlists->add_entry(static_cast<size_t>(list), row, codes + static_cast<size_t>(i) * lists.code_size);
    }
    lists.direct_map.add_single_id(row, list, place);
  }
  lists.ntotal += n;
}

}  // namespace

void Writer::reserve(int64_t n, bool named) {
  faiss::Index* index = body_.index.get();
  const auto rows = static_cast<size_t>(index->ntotal + n);
  linking_.expect(n);
  for (auto* codes : all_codes(index)) grow(codes->codes, rows * codes->code_size, lock_);
  if (auto* graph = as_hnsw(base_of(index))) {
    const auto links_a_row = static_cast<size_t>(graph->hnsw.cum_nneighbor_per_level[1]);
    // Upper levels add about 1 / M of the rows once more; a few rows may add several.
    const size_t links = static_cast<size_t>(n) * (links_a_row + 2) + 16 * links_a_row;
    grow(graph->hnsw.neighbors, graph->hnsw.neighbors.size() + links, lock_);
    grow(graph->hnsw.levels, rows, lock_);
    grow(graph->hnsw.offsets, rows + 1, lock_);
  }
  if (body_.codes && !body_.codes->has_room(static_cast<int64_t>(rows))) {
    auto bigger = body_.codes->grown(static_cast<int64_t>(rows + rows / 2));
    std::lock_guard<FairLock> hold(lock_);
    std::swap(body_.codes, bigger);
  }
  // Whatever is still a view (lists, a quantizer), FAISS would end the process over.
  if (has_views(index)) own_memory(index, lock_);
  drop_unused_region(body_, lock_);
  if (!body_.rows.has_room(static_cast<int64_t>(rows), named)) {
    RowIds bigger = body_.rows.grown(static_cast<int64_t>(rows + rows / 4), named);
    std::lock_guard<FairLock> hold(lock_);
    std::swap(body_.rows, bigger);
  }
}

int64_t Writer::append(int64_t n, const float* x, const Commit& commit) {
  if (n <= 0) return 0;  // a rebuild whose rows were all removed meanwhile
  if (auto* graph = as_hnsw(body_.index.get())) return append_graph(*graph, n, x, commit);
  auto* chain = dynamic_cast<faiss::IndexPreTransform*>(body_.index.get());
  if (auto* lists = as_ivf(chain != nullptr ? chain->index : body_.index.get())) {
    if (dynamic_cast<faiss::IndexIVFFastScan*>(lists) == nullptr) return append_lists(*lists, chain, n, x, commit);
  }
  return append_whole(n, x, commit);
}

int64_t Writer::append_whole(int64_t n, const float* x, const Commit& commit) {
  SliceSize slice;
  ListEnds ends(body_.index.get(), 0);
  int64_t done = 0;
  while (done < n && !ticket_.aborted()) {
    const int64_t m = slice.next(n - done);
    const auto start = Clock::now();
    {
      std::lock_guard<FairLock> hold(lock_);
      const int64_t rows = body_.index->ntotal;
      ends.note();
      try {
        body_.index->add(m, x + done * body_.index->d);
      } catch (...) {
        cut_rows(body_.index.get(), rows);
        ends.cut();
        throw;
      }
      commit(done, m);
    }
    slice.learn(m, Clock::now() - start);
    done += m;
    slice_done(done);
  }
  return done;
}

int64_t Writer::append_lists(faiss::IndexIVF& lists, faiss::IndexPreTransform* chain, int64_t n, const float* x,
                             const Commit& commit) {
  // FAISS numbers the entries on from ntotal, which is what rows are. Transforms, the assignment and codes read only
  // what does not change.
  constexpr int64_t kBlock = 4096;
  SliceSize slice;
  const auto block = static_cast<size_t>(std::min(n, kBlock));
  std::vector<faiss::idx_t> assigned(block);
  std::vector<uint8_t> codes(is_coded_aside(lists) ? block * lists.code_size : 0);
  ListEnds ends(&lists, block);
  int64_t done = 0;
  while (done < n && !ticket_.aborted()) {
    const int64_t from = done, to = std::min(n, from + kBlock);
    const float* its = x + from * body_.index->d;
    std::unique_ptr<const float[]> turned;
    if (chain != nullptr && !chain->chain.empty()) {
      turned.reset(chain->apply_chain(to - from, its));
      its = turned.get();
    }
    lists.quantizer->assign(to - from, its, assigned.data());
    if (!codes.empty()) lists.encode_vectors(to - from, its, assigned.data(), codes.data());
    while (done < to && !ticket_.aborted()) {
      const int64_t m = slice.next(to - done), at = done - from;
      const auto start = Clock::now();
      {
        std::lock_guard<FairLock> hold(lock_);
        const faiss::idx_t* numbers = assigned.data() + at;
        const int64_t rows = lists.ntotal;
        ends.note(numbers, static_cast<size_t>(m));
        try {
          if (codes.empty()) {
            lists.add_core(m, its + at * lists.d, nullptr, numbers);
          } else {
            add_codes(lists, m, numbers, codes.data() + static_cast<size_t>(at) * lists.code_size);
          }
        } catch (...) {
          lists.ntotal = rows;
          ends.cut();
          throw;
        }
        body_.index->ntotal = lists.ntotal;
        commit(done, m);
      }
      slice.learn(m, Clock::now() - start);
      done += m;
      slice_done(done);
    }
  }
  return done;
}

// Vectors and empty link lists of a chunk. A graph whose tables differ in length would make FAISS end the process.
void Writer::store(faiss::IndexHNSW& graph, int64_t first, int64_t n, const float* x, const Commit& commit) {
  std::lock_guard<FairLock> hold(lock_);
  const int64_t rows = graph.ntotal;
  try {
    graph.storage->add(n, x);
    if (body_.codes) body_.codes->append(x, n);
    graph.hnsw.prepare_level_tab(static_cast<size_t>(n));
    graph.ntotal = graph.storage->ntotal;
  } catch (...) {
    body_.cut(rows);
    throw;
  }
  commit(first, n);
}

int64_t Writer::append_graph(faiss::IndexHNSW& graph, int64_t n, const float* x, const Commit& commit) {
  int64_t done = 0;
  // What searches go by serves as it is: nothing is to be made, so that a single row gains, too.
  const auto shared = [&] { return body_.codes ? body_.codes->linkable() : nullptr; };
  if (shared() == nullptr) linking_.prepare(graph, n, x);
  while (done < n && !ticket_.aborted()) {
    const int64_t m = std::min(n - done, kGraphChunk);
    const int64_t first = graph.ntotal;
    GraphLinker linker(graph, body_.node_locks, lock_);
    store(graph, done, m, x + done * graph.d, commit);
    try {
      // A chunk that is stored is linked to its end, cancelled or not: a row without links would never be found.
      const kernels::ByteCodes* made = linking_.with(m, x + done * graph.d);
      linker.link(first, m, x + done * graph.d, threads_, made != nullptr ? made : shared());
    } catch (...) {
      std::lock_guard<FairLock> hold(lock_);
      if (!linker.begun()) {
        body_.rows.truncate(first);
        body_.cut(first);
      } else {
        for (int64_t row = first; row < first + m; row++) {
          if (!linker.linked(row) && !body_.rows.is_dead(row)) body_.rows.kill(row);
        }
      }
      throw;
    }
    done += m;
    slice_done(done);
  }
  return done;
}

}  // namespace quiver
