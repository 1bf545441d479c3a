#include "core/executor.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <new>
#include <utility>

#include "core/ticket.h"

namespace quiver {

namespace {
constexpr int kBulkWorkers = 2;
constexpr int kBulkNiceness = 5;
// Longer than that of common threads (under 3 ms), the longer the less the work is in a hurry: see give_way().
constexpr uint64_t kSearchSlice = 5'000'000, kBulkSlice = 20'000'000;  // nanoseconds
// How long an exit waits for the end of what runs. Most work looks at shutting_down() every few milliseconds; some
// steps inside FAISS and LAPACK do not.
constexpr auto kExitPatience = std::chrono::seconds(5);
}  // namespace

namespace {

// That of linux/sched/types.h, which cannot be included beside sched.h.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};

// Our threads, and the OpenMP threads that they start, leave the cores to the event loop, and long work leaves them to
// searches: by a lower priority, and by long slices. A thread that wakes takes a core at once from one whose slice is
// longer than its own, and waits for the end of that slice otherwise (EEVDF's PREEMPT_SHORT). Linux has slices of one's
// own since 6.12; before, this changes nothing. Measured: p99 of the event loop beside a load on every core 1.2 to 1.8
// ms, without it 2.4 to 4.5.
void give_way(bool bulk) {
  SchedulingAttributes attributes;
  attributes.nice = bulk ? kBulkNiceness : 0;
  attributes.runtime = bulk ? kBulkSlice : kSearchSlice;
  if (bulk) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kBulkNiceness);
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

// Holds for the calling thread only, and FAISS code may change it: set for every task. Where the environment cuts teams
// down (OMP_THREAD_LIMIT, OMP_DYNAMIC, OMP_MAX_ACTIVE_LEVELS), OpenBLAS would wait for the missing members for ever: no
// more are asked for than come.
void set_team(int threads) {
  omp_set_dynamic(0);
  omp_set_num_threads(omp_get_max_active_levels() < 1 ? 1 : std::min(threads, omp_get_thread_limit()));
}

}  // namespace

TaskQueue::~TaskQueue() {
  while (pop() != nullptr) {
  }
}

void TaskQueue::push(std::unique_ptr<Task> task) {
  task->next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = task.get();
  last_ = task.release();
}

std::unique_ptr<Task> TaskQueue::pop() {
  std::unique_ptr<Task> task(first_);
  if (task == nullptr) return task;
  first_ = std::exchange(task->next, nullptr);
  if (first_ == nullptr) last_ = nullptr;
  return task;
}

Inbox::~Inbox() {
  TaskQueue rest;
  drain_into(rest);
}

void Inbox::push(std::unique_ptr<Task> task) {
  Task* raw = task.release();
  raw->next = head_.load(std::memory_order_relaxed);
  while (!head_.compare_exchange_weak(raw->next, raw, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

void Inbox::drain_into(TaskQueue& queue) {
  Task* taken = head_.exchange(nullptr, std::memory_order_acquire);
  Task* oldest = nullptr;
  while (taken != nullptr) {
    Task* next = taken->next;
    taken->next = oldest;
    oldest = taken;
    taken = next;
  }
  while (oldest != nullptr) {
    Task* next = oldest->next;
    queue.push(std::unique_ptr<Task>(oldest));
    oldest = next;
  }
}

Lane::Lane() {
  sem_init(&available_, 0, 0);
}

Lane::~Lane() {
  sem_destroy(&available_);
}

void Lane::start(int workers, bool bulk) {
  stopping_ = false;
  // Signals are the host's: none is handled on our threads. SIGXFSZ blocked here turns a file size limit into EFBIG.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (int i = 0; i < workers; i++) threads_.emplace_back([this, bulk] { work(bulk); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (threads_.empty()) throw;
    return;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Lane::dismiss() {
  stopping_ = true;
  for (size_t i = 0; i < threads_.size(); i++) sem_post(&available_);
}

bool Lane::gone_by(std::chrono::steady_clock::time_point deadline) {
  const auto since_start = deadline.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
  timespec until{};
  until.tv_sec = seconds.count();
  until.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(since_start - seconds).count();
  return std::all_of(threads_.begin(), threads_.end(), [&](std::thread& thread) {
    return pthread_clockjoin_np(thread.native_handle(), nullptr, CLOCK_MONOTONIC, &until) == 0;
  });
}

void Lane::stop() {
  dismiss();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  run_rest();
}

bool Lane::run_rest() {
  bool any = false;
  while (auto task = take()) {
    task->run();
    any = true;
  }
  // A count that stood for one of them would make a worker of the next start look in vain.
  while (sem_trywait(&available_) == 0) {
  }
  return any;
}

void Lane::post(std::unique_ptr<Task> task) {
  inbox_.push(std::move(task));
  sem_post(&available_);
}

std::unique_ptr<Task> Lane::take() {
  std::lock_guard<std::mutex> guard(mutex_);
  inbox_.drain_into(ready_);
  return ready_.pop();
}

void Lane::work(bool bulk) {
  give_way(bulk);
  pthread_setname_np(pthread_self(), bulk ? "quiver-bulk" : "quiver-search");
  while (true) {
    idle_.fetch_add(1, std::memory_order_relaxed);
    while (sem_wait(&available_) != 0 && errno == EINTR) {
    }
    idle_.fetch_sub(1, std::memory_order_relaxed);
    auto task = take();
    if (task) {
      set_team(bulk ? Executor::instance().threads() : 1);
      task->run();
    }
    // What is left in the queue is for stop() to run, or at an exit for nobody.
    if (stopping_) return;
  }
}

Executor& Executor::instance() {
  // Never destroyed: its threads may outlive static destructors when the host exits in a hurry.
  static Executor* executor = new Executor();
  return *executor;
}

bool Executor::set_threads(int threads) {
  std::lock_guard<std::mutex> guard(lifecycle_);
  if (started_ && threads != this->threads()) return false;
  threads_ = threads;
  return true;
}

bool Executor::stop_for_exit() {
  std::lock_guard<std::mutex> guard(lifecycle_);
  if (!started_) return true;
  exiting_ = true;
  shutting_down() = true;
  interactive_.dismiss();
  bulk_.dismiss();
  const auto deadline = std::chrono::steady_clock::now() + kExitPatience;
  return interactive_.gone_by(deadline) && bulk_.gone_by(deadline);
}

void Executor::ensure_started() {
  if (started_.load(std::memory_order_acquire)) return;
  std::lock_guard<std::mutex> guard(lifecycle_);
  if (started_) return;
  shutting_down() = false;
  // exit() runs the destructors of OpenBLAS and FAISS, and a thread of ours that is inside them then crashes. Handlers
  // run in reverse order of their registration, so this one comes before. A thread that is deep in a long step cannot
  // be waited for: then the process ends here, with the status that it was to have. A forked child has no such threads.
  static const int registered = ::on_exit(
      [](int status, void* process) {
        if (getpid() == reinterpret_cast<intptr_t>(process) && !instance().stop_for_exit()) _exit(status);
      },
      reinterpret_cast<void*>(static_cast<intptr_t>(getpid())));
  static_cast<void>(registered);
  interactive_.start(threads(), false);
  try {
    bulk_.start(std::min(threads(), kBulkWorkers), true);
  } catch (...) {
    interactive_.stop();
    throw;
  }
  started_.store(true, std::memory_order_release);
}

void Executor::post_interactive(std::unique_ptr<Task> task) {
  ensure_started();
  interactive_.post(std::move(task));
}

void Executor::post_bulk(std::unique_ptr<Task> task) {
  ensure_started();
  bulk_.post(std::move(task));
}

void Executor::shutdown() {
  std::lock_guard<std::mutex> guard(lifecycle_);
  if (!started_ || exiting_) return;
  shutting_down() = true;
  interactive_.stop();
  bulk_.stop();
  // Each may have posted to the other. A task left behind would keep its place in front of all later ones.
  while (interactive_.run_rest() || bulk_.run_rest()) {
  }
  started_ = false;
}

void Strand::post(std::unique_ptr<Task> task) {
  // All that can fail comes before the task is in: one that nobody runs would keep all later ones waiting.
  auto next = token();
  Executor::instance().ensure_started();
  inbox_.push(std::move(task));
  if (pending_.fetch_add(1, std::memory_order_acq_rel) == 0) post_token(std::move(next));
}

std::unique_ptr<Task> Strand::token() {
  return make_task([self = shared_from_this()] { self->run_some(); });
}

void Strand::post_token(std::unique_ptr<Task> token) {
  if (interactive_) {
    Executor::instance().post_interactive(std::move(token));
  } else {
    Executor::instance().post_bulk(std::move(token));
  }
}

// One task, and then the others' turn; without memory for that the next one at once.
void Strand::run_some() {
  while (true) {
    if (ready_.empty()) inbox_.drain_into(ready_);
    ready_.pop()->run();
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) return;
    try {
      auto next = token();
      post_token(std::move(next));
      return;
    } catch (const std::bad_alloc&) {
    }
  }
}

}  // namespace quiver
