// A reader-writer lock in which neither side starves.
//
// std::shared_mutex prefers readers on glibc, so a stream of searches would hold an add back for ever. Here phases
// alternate: a waiting writer stops new readers, and when it is done, every reader that waited goes before the next
// writer (phase-fair: Brandenburg and Anderson, ECRTS 2009).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace quiver {

class FairLock {
 public:
  void lock_shared() {
    std::unique_lock<std::mutex> guard(mutex_);
    if (!writing_ && waiting_writers_ == 0) {
      readers_++;
      return;
    }
    const uint64_t arrived = phase_;
    waiting_readers_.fetch_add(1, std::memory_order_relaxed);
    readers_turn_.wait(guard, [&] { return !writing_ && (waiting_writers_ == 0 || phase_ != arrived); });
    waiting_readers_.fetch_sub(1, std::memory_order_relaxed);
    if (phase_ != arrived && admitted_ > 0) admitted_--;
    readers_++;
  }

  bool try_lock_shared() {
    std::unique_lock<std::mutex> guard(mutex_, std::try_to_lock);
    if (!guard.owns_lock() || writing_ || waiting_writers_ > 0) return false;
    readers_++;
    return true;
  }

  void unlock_shared() {
    std::lock_guard<std::mutex> guard(mutex_);
    if (--readers_ == 0 && waiting_writers_ > 0) writers_turn_.notify_one();
  }

  void lock() {
    std::unique_lock<std::mutex> guard(mutex_);
    waiting_writers_++;
    writers_turn_.wait(guard, [&] { return !writing_ && readers_ == 0 && admitted_ == 0; });
    waiting_writers_--;
    writing_ = true;
  }

  void unlock() {
    std::lock_guard<std::mutex> guard(mutex_);
    writing_ = false;
    phase_++;
    admitted_ = waiting_readers_.load(std::memory_order_relaxed);
    if (admitted_ > 0) {
      readers_turn_.notify_all();
    } else if (waiting_writers_ > 0) {
      writers_turn_.notify_one();
    }
  }

  // A writer in the middle of a slice asks this to know whether somebody waits for it.
  bool readers_waiting() const { return waiting_readers_.load(std::memory_order_relaxed) > 0; }

 private:
  std::mutex mutex_;
  std::condition_variable readers_turn_;
  std::condition_variable writers_turn_;
  std::atomic<int> waiting_readers_{0};
  int readers_ = 0;
  int waiting_writers_ = 0;
  int admitted_ = 0;  // readers let in by the last writer that have not entered yet
  uint64_t phase_ = 0;
  bool writing_ = false;
};

// Scoped shared hold, as std::shared_lock would be.
class SharedHold {
 public:
  explicit SharedHold(FairLock& lock) : lock_(&lock) { lock_->lock_shared(); }
  SharedHold(FairLock& lock, std::adopt_lock_t) : lock_(&lock) {}
  ~SharedHold() { lock_->unlock_shared(); }
  SharedHold(const SharedHold&) = delete;
  SharedHold& operator=(const SharedHold&) = delete;

 private:
  FairLock* lock_;
};

}  // namespace quiver
