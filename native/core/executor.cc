#include "core/executor.h"

#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/ticket.h"

namespace quiver {

namespace {
constexpr int kBulkWorkers = 2;
constexpr int kBulkNiceness = 5;
}  // namespace

Inbox::~Inbox() {
  std::deque<std::unique_ptr<Task>> rest;
  drain_into(rest);
}

void Inbox::push(std::unique_ptr<Task> task) {
  Task* raw = task.release();
  raw->next = head_.load(std::memory_order_relaxed);
  while (!head_.compare_exchange_weak(raw->next, raw, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

void Inbox::drain_into(std::deque<std::unique_ptr<Task>>& queue) {
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
    oldest->next = nullptr;
    queue.emplace_back(oldest);
    oldest = next;
  }
}

Lane::Lane() {
  sem_init(&available_, 0, 0);
}

Lane::~Lane() {
  sem_destroy(&available_);
}

void Lane::start(int workers, int niceness) {
  stopping_ = false;
  // Signals are the host's: none is handled on our threads. SIGXFSZ blocked here turns a file size limit into EFBIG.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (int i = 0; i < workers; i++) threads_.emplace_back([this, niceness] { work(niceness); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (threads_.empty()) throw;
    return;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Lane::stop() {
  stopping_ = true;
  for (size_t i = 0; i < threads_.size(); i++) sem_post(&available_);
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
  if (ready_.empty()) return nullptr;
  auto task = std::move(ready_.front());
  ready_.pop_front();
  return task;
}

void Lane::work(int niceness) {
  if (niceness != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), niceness);
  pthread_setname_np(pthread_self(), niceness != 0 ? "quiver-bulk" : "quiver-search");
  while (true) {
    idle_.fetch_add(1, std::memory_order_relaxed);
    while (sem_wait(&available_) != 0 && errno == EINTR) {
    }
    idle_.fetch_sub(1, std::memory_order_relaxed);
    auto task = take();
    if (task) {
      // omp_set_num_threads holds for the calling thread only, and FAISS code may change it: set it for every task.
      omp_set_num_threads(niceness != 0 ? Executor::instance().threads() : 1);
      task->run();
    } else if (stopping_) {
      return;
    }
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

void Executor::ensure_started() {
  if (started_.load(std::memory_order_acquire)) return;
  std::lock_guard<std::mutex> guard(lifecycle_);
  if (started_) return;
  shutting_down() = false;
  interactive_.start(threads(), 0);
  try {
    bulk_.start(std::min(threads(), kBulkWorkers), kBulkNiceness);
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
  if (!started_) return;
  shutting_down() = true;
  interactive_.stop();
  bulk_.stop();
  // Each may have posted to the other. A task left behind would keep its place in front of all later ones.
  while (interactive_.run_rest() || bulk_.run_rest()) {
  }
  started_ = false;
}

void Strand::post(std::unique_ptr<Task> task) {
  inbox_.push(std::move(task));
  if (pending_.fetch_add(1, std::memory_order_acq_rel) == 0) schedule();
}

void Strand::schedule() {
  Executor::instance().post_bulk(make_task([self = shared_from_this()] { self->run_one(); }));
}

void Strand::run_one() {
  if (ready_.empty()) inbox_.drain_into(ready_);
  auto task = std::move(ready_.front());
  ready_.pop_front();
  task->run();
  task.reset();
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) > 1) schedule();
}

}  // namespace quiver
