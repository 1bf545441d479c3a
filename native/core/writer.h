// Adds vectors to an index that others search at the same time.
//
// FAISS allows no search during an add, so a writer holds the lock for slices of a few milliseconds and lets waiting
// readers in between. What can be done without the lock (room for all the vectors, IVF's assignment to lists) is.
#pragma once

#include <cstdint>
#include <functional>

#include "core/body.h"
#include "core/fair_lock.h"
#include "core/ticket.h"

namespace quiver {

// Copies what is only a view of a file into memory of its own, so that codes may be moved and cut off; readers go on
// meanwhile.
void make_codes_writable(Body& body, FairLock& lock);

class Writer {
 public:
  // `commit(first, n)` is called with the lock held when vectors [first, first + n) have become the last n rows: it
  // registers their ids.
  using Commit = std::function<void(int64_t first, int64_t n)>;

  Writer(Body& body, FairLock& lock, const Ticket& ticket, int threads)
      : body_(body), lock_(lock), ticket_(ticket), threads_(threads) {}

  // Makes room for `n` more rows, so that no slice has to copy the whole index.
  void reserve(int64_t n);
  // Appends n vectors. Returns how many: fewer only when the ticket was cancelled.
  int64_t append(int64_t n, const float* x, const Commit& commit);

 private:
  int64_t append_graph(faiss::IndexHNSW& graph, int64_t n, const float* x, const Commit& commit);
  void link(faiss::IndexHNSW& graph, int64_t first, int64_t n, const float* x);
  int64_t append_lists(faiss::IndexIVF& lists, int64_t n, const float* x, const Commit& commit);
  int64_t append_whole(int64_t n, const float* x, const Commit& commit);

  Body& body_;
  FairLock& lock_;
  const Ticket& ticket_;
  int threads_;
};

}  // namespace quiver
