// Links stored rows into a graph while others search it, in slices: by codes, or by FAISS's own insertion.
#pragma once

#include <faiss/IndexHNSW.h>
#include <omp.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "core/fair_lock.h"
#include "kernels/byte_codes.h"

namespace quiver {

class GraphLinker {
 public:
  // `node_locks`: one a node, kept between adds. Making them anew would cost more than a small add.
  GraphLinker(faiss::IndexHNSW& graph, std::vector<omp_lock_t>& node_locks, FairLock& lock)
      : graph_(graph), node_locks_(node_locks), lock_(lock) {}

  // Links the n rows from `first` on, whose vectors are `x`. `codes`: of all rows up to these, or null. When it throws
  // (there was no memory), linked() tells which are in; the others may have links already, so they must stay as dead
  // rows, unless nothing has begun().
  void link(int64_t first, int64_t n, const float* x, int threads, const kernels::ByteCodes* codes = nullptr);
  bool linked(int64_t row) const { return !done_.empty() && done_[static_cast<size_t>(row - first_)] != 0; }
  bool begun() const { return next_.load() > 0; }

 private:
  struct Tools;
  void make_locks();
  void release_locks() noexcept;
  void run_slice(Tools& tools, const float* x);
  void insert(Tools& tools, size_t thread, int64_t place, const float* x);

  faiss::IndexHNSW& graph_;
  std::vector<omp_lock_t>& node_locks_;
  FairLock& lock_;
  int64_t first_ = 0;
  std::vector<int64_t> order_;  // rows, from the highest level down
  std::vector<uint8_t> done_;   // by row
  std::atomic<int64_t> next_{0};
};

}  // namespace quiver
