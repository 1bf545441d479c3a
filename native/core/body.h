// A FAISS index together with the ids of its rows and the memory that it may be a view of.
#pragma once

#include <omp.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/fair_lock.h"
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

  size_t bytes() const { return bytes_of(index.get()) + rows.bytes(); }
};

// Lets go of the memory that the index was read from when nothing in it is a view any more. For the writer.
inline void drop_unused_region(Body& body, FairLock& lock) {
  if (!body.region || has_views(body.index.get()) || !views_are_known(body.index.get())) return;
  std::shared_ptr<Region> unused;
  std::lock_guard<FairLock> hold(lock);
  unused.swap(body.region);
}

}  // namespace quiver
