// The thread pool of the process: an interactive lane for searches and a bulk lane for everything long.
//
// Both lanes start at the first task and stop when the last Node environment goes away. With `threads` = t there are
// t interactive workers (each runs FAISS on one thread: a batch is split over workers, not inside FAISS), and
// min(t, 2) bulk workers, each with an OpenMP team of t. So the process never has more than t + 2t native threads,
// and the bulk ones run at a lower priority, so that a training never delays a search or the event loop.
#pragma once

#include <semaphore.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace quiver {

struct Task {
  virtual ~Task() = default;
  virtual void run() = 0;
  Task* next = nullptr;
};

// A task from any callable.
template <typename F>
std::unique_ptr<Task> make_task(F&& callable) {
  struct Call final : Task {
    explicit Call(F&& f) : call(std::forward<F>(f)) {}
    void run() override { call(); }
    std::decay_t<F> call;
  };
  return std::make_unique<Call>(std::forward<F>(callable));
}

// Tasks in order, linked through themselves: work that was accepted must never fail for want of memory to queue it.
class TaskQueue {
 public:
  ~TaskQueue();
  bool empty() const { return first_ == nullptr; }
  void push(std::unique_ptr<Task> task);
  // Null when it is empty.
  std::unique_ptr<Task> pop();

 private:
  Task* first_ = nullptr;
  Task* last_ = nullptr;
};

// Tasks pushed without a lock (the JS thread pushes) and taken in order by one consumer at a time. Needs no memory.
class Inbox {
 public:
  ~Inbox();
  void push(std::unique_ptr<Task> task);
  // Moves all that was pushed to the end of `queue`, oldest first.
  void drain_into(TaskQueue& queue);

 private:
  std::atomic<Task*> head_{nullptr};
};

class Lane {
 public:
  Lane();
  ~Lane();
  // With fewer workers than asked for when the system gives no more threads; throws when it gives none.
  void start(int workers, bool bulk);
  // Waits for what runs, ends the workers, and runs here what nobody took.
  void stop();
  // Runs here what came since, while the lane stands still. False when nothing had come.
  bool run_rest();
  // For the end of the process: asks the workers to end after the task that they are at, and waits for them. False
  // when some still work at the deadline. The lane is of no use afterwards.
  void dismiss();
  bool gone_by(std::chrono::steady_clock::time_point deadline);
  void post(std::unique_ptr<Task> task);
  int idle() const { return idle_.load(std::memory_order_relaxed); }

 private:
  void work(bool bulk);
  std::unique_ptr<Task> take();

  Inbox inbox_;
  std::mutex mutex_;  // between workers only
  TaskQueue ready_;
  sem_t available_;
  std::vector<std::thread> threads_;
  std::atomic<int> idle_{0};
  std::atomic<bool> stopping_{false};
};

class Executor {
 public:
  static Executor& instance();

  // Threads of the interactive lane and of one OpenMP team. False when the lanes already run: no thread is taken away
  // from work that has begun.
  bool set_threads(int threads);
  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void post_interactive(std::unique_ptr<Task> task);
  void post_bulk(std::unique_ptr<Task> task);
  int idle_interactive() const { return interactive_.idle(); }

  // Starts the lanes where they stand still, as each post does. Throws when the system gives no thread.
  void ensure_started();
  // Cancels what runs, waits for it and ends the threads. A later post starts them again.
  void shutdown();
  bool running() const { return started_.load(std::memory_order_acquire); }

 private:
  Executor() = default;
  // True when nothing runs any more.
  bool stop_for_exit();

  std::atomic<int> threads_{static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))};
  std::atomic<bool> started_{false};
  bool exiting_ = false;  // guarded by lifecycle_
  std::mutex lifecycle_;
  Lane interactive_;
  Lane bulk_;
};

// Runs the tasks of one index, one after the other, in the order in which they came: in the bulk lane, or, for what
// answers queries one at a time, in the interactive one.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(bool interactive = false) : interactive_(interactive) {}
  // When it throws, for want of memory or threads, the task is not in the strand.
  void post(std::unique_ptr<Task> task);

 private:
  std::unique_ptr<Task> token();
  void post_token(std::unique_ptr<Task> token);
  void run_some();

  const bool interactive_;
  Inbox inbox_;
  TaskQueue ready_;  // touched by the running token only
  std::atomic<int> pending_{0};
};

}  // namespace quiver
