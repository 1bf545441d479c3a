// A FAISS index together with the ids of its rows and the memory that it may be a view of.
#pragma once

#include <omp.h>

#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "core/fair_lock.h"
#include "core/flat_codes.h"
#include "core/graph_codes.h"
#include "core/region.h"
#include "core/row_ids.h"
#include "core/structure.h"

namespace quiver {

struct Body {
  // Declared before the index, so that it goes after it: the index may read from it.
  std::shared_ptr<Region> region;
  std::unique_ptr<faiss::Index> index;
  RowIds rows;
  std::string factory;
  // One lock a graph node, kept between adds: making them anew would cost more than a small add.
  std::vector<omp_lock_t> node_locks;
  // Of all rows of a graph, or null.
  std::unique_ptr<GraphCodes> codes;
  // Of the first rows of plain vectors, once searches have asked for them, or null.
  std::unique_ptr<FlatCodes> exact;

  size_t bytes() const { return bytes_of(index.get()) + rows.bytes() + (codes ? codes->bytes() : 0); }
  // What searches have made beside it, and can make again.
  size_t derived_bytes() const { return exact ? exact->bytes() : 0; }

  // Takes rows off the end again that an add has appended, wholly or in part. With the lock held.
  void cut(int64_t to) {
    cut_rows(index.get(), to);
    if (codes) codes->truncate(to);
    if (exact) exact->truncate(to);
  }
  // Whether codes are to be made: there are none yet, or later vectors do not fit them. A graph that they did not suit
  // is tried again when it has doubled.
  bool wants_codes() const {
    return index->ntotal >= next_codes && GraphCodes::suits(*index) && (!codes || codes->outgrown());
  }
  int64_t next_codes = GraphCodes::kFewest;
};

// Lets go of the memory that the index was read from when nothing in it is a view any more. For the writer.
inline void drop_unused_region(Body& body, FairLock& lock) {
  if (!body.region || has_views(body.index.get()) || !views_are_known(body.index.get())) return;
  std::shared_ptr<Region> unused;
  std::lock_guard<FairLock> hold(lock);
  unused.swap(body.region);
}

// Makes the codes of a graph where they are due, beside what serves. For the writer; `lock` null: nobody reads yet.
inline void derive_codes(Body& body, FairLock* lock, const GraphCodes::Stop& stop = {}) {
  if (!body.wants_codes()) return;
  std::unique_ptr<GraphCodes> made;
  try {
    made = GraphCodes::derive(*body.index, stop);
  } catch (const std::bad_alloc&) {
    // Searches do without.
  }
  body.next_codes = made ? GraphCodes::kFewest : 2 * body.index->ntotal;
  std::unique_lock<FairLock> hold;
  if (lock != nullptr) hold = std::unique_lock<FairLock>(*lock);
  std::swap(body.codes, made);
}

}  // namespace quiver
