// A FAISS index together with the ids of its rows and the memory that it may be a view of.
#pragma once

#include <omp.h>

#include <memory>
#include <string>
#include <vector>

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

}  // namespace quiver
