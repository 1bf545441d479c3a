// What was written to an index while a rebuild of it runs, so that the rebuild can take it over.
//
// Writers note changes with the lock of the index held, and must not fail there: a note that finds no memory makes the
// rebuild fail, not the write. The mutex in here is never taken on the JS thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/error.h"

namespace quiver {

class Journal {
 public:
  struct Entries {
    bool emptied = false;      // everything that was there before `ids` is gone
    std::vector<int64_t> ids;  // added, replaced or removed
  };
  struct Parameters {
    int ef_construction = 0;  // 0: not set meanwhile
    int ef_search = 0;
    int nprobe = 0;
  };

  void touch(int64_t id) noexcept {
    try {
      std::lock_guard<std::mutex> guard(mutex_);
      ids_.insert(id);
    } catch (...) {
      lost_ = true;
    }
  }

  // The index was emptied: what was noted before means nothing any more.
  void empty() noexcept {
    std::unordered_set<int64_t> gone;
    std::lock_guard<std::mutex> guard(mutex_);
    gone.swap(ids_);
    emptied_ = true;
  }

  void set_parameters(const Parameters& set) {
    std::lock_guard<std::mutex> guard(mutex_);
    if (set.ef_construction > 0) parameters_.ef_construction = set.ef_construction;
    if (set.ef_search > 0) parameters_.ef_search = set.ef_search;
    if (set.nprobe > 0) parameters_.nprobe = set.nprobe;
  }

  // The index was trained anew: what is being built is out of date.
  void supersede() {
    std::lock_guard<std::mutex> guard(mutex_);
    superseded_ = true;
  }

  size_t size() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return ids_.size();
  }
  Parameters parameters() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return parameters_;
  }

  // What came since the last time. Throws when it is not all known, or when the rebuild has become pointless.
  Entries take() {
    Entries taken;
    std::unordered_set<int64_t> ids;
    {
      std::lock_guard<std::mutex> guard(mutex_);
      if (superseded_) {
        throw Error(code::kAborted, "The index was trained anew while it was being rebuilt; the rebuild was given up.",
                    "no train() during a rebuild", "train()");
      }
      if (lost_) {
        throw Error(code::kOutOfMemory, "There was no memory to keep track of writes during the rebuild.",
                    "memory for 16 bytes a write", "none");
      }
      ids.swap(ids_);
      taken.emptied = std::exchange(emptied_, false);
    }
    taken.ids.assign(ids.begin(), ids.end());
    return taken;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<int64_t> ids_;
  Parameters parameters_;
  bool emptied_ = false;
  bool superseded_ = false;
  std::atomic<bool> lost_{false};
};

}  // namespace quiver
