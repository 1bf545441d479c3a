// What a long call carries with it: whether it was cancelled, and how far it has come.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "core/error.h"

namespace quiver {

// Set while the process or the last environment goes away: every running call ends at its next check.
inline std::atomic<bool>& shutting_down() {
  static std::atomic<bool> flag{false};
  return flag;
}

class Ticket {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool aborted() const {
    return cancelled_.load(std::memory_order_relaxed) || shutting_down().load(std::memory_order_relaxed);
  }
  void check() const {
    if (aborted()) throw Error(code::kAborted, "The call was aborted.", "a call that is not aborted", "an aborted one");
  }

  // `phase` must be a string literal.
  void report(const char* phase, int64_t done, int64_t total) const {
    if (on_progress) on_progress(phase, done, total);
  }

  // Set before the work starts; called on the thread that works.
  std::function<void(const char* phase, int64_t done, int64_t total)> on_progress;

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace quiver
