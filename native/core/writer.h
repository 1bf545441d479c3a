// Adds vectors to an index that others search at the same time.
//
// FAISS allows no search during an add, so a writer holds the lock for slices of a few milliseconds and lets waiting
// readers in between. What can be done without the lock (room for all the vectors, transforms, IVF's assignment to
// lists and most of its codes) is.
#pragma once

#include <faiss/IndexPreTransform.h>

#include <cstdint>
#include <functional>

#include "core/body.h"
#include "core/fair_lock.h"
#include "core/linking_codes.h"
#include "core/ticket.h"

namespace quiver {

class Writer {
 public:
  // `commit(first, n)` is called with the lock held when vectors [first, first + n) have become the last n rows: it
  // registers their ids. After reserve() it needs no memory, and it must not throw.
  using Commit = std::function<void(int64_t first, int64_t n)>;
  static constexpr int64_t kMaxSlice = 1 << 16;

  Writer(Body& body, FairLock& lock, const Ticket& ticket, int threads)
      : body_(body), lock_(lock), ticket_(ticket), threads_(threads) {}

  // Makes room for `n` more rows, so that no slice has to copy the whole index. `named`: they get ids of their own.
  void reserve(int64_t n, bool named);
  // Appends n vectors. Returns how many: fewer only when the ticket was cancelled.
  // When it throws, the index is sound and holds what slices before have put in. Rows that a graph could not link are
  // cut off or dead.
  int64_t append(int64_t n, const float* x, const Commit& commit);
  // Called without the lock after each slice: `done` of the vectors of this append() are in.
  std::function<void(int64_t done)> on_slice;

 private:
  int64_t append_graph(faiss::IndexHNSW& graph, int64_t n, const float* x, const Commit& commit);
  void store(faiss::IndexHNSW& graph, int64_t first, int64_t n, const float* x, const Commit& commit);
  // `chain`: the transforms that stand before the lists, or null.
  int64_t append_lists(faiss::IndexIVF& lists, faiss::IndexPreTransform* chain, int64_t n, const float* x,
                       const Commit& commit);
  int64_t append_whole(int64_t n, const float* x, const Commit& commit);
  void slice_done(int64_t done) const {
    if (on_slice) on_slice(done);
  }

  Body& body_;
  FairLock& lock_;
  const Ticket& ticket_;
  int threads_;
  LinkingCodes linking_;
};

}  // namespace quiver
