// Joins searches of one index that wait together into one batch, and splits large ones over the workers.
//
// Nothing waits on purpose: a worker that becomes free takes its share of all that is there. One query alone is
// answered at once; many that came while the workers were busy are answered as one batch, which FAISS does faster.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/searcher.h"
#include "core/ticket.h"

namespace quiver {

class IndexState;

struct SearchJob {
  int64_t n = 0;
  std::vector<float> queries;  // n * dim
  SearchOptions options;
  std::vector<int64_t> ids;  // n * k, filled
  std::vector<float> distances;
  std::shared_ptr<Ticket> ticket;
  // Called once, on the worker that finishes last. The job is gone afterwards.
  std::function<void(SearchJob& job, std::exception_ptr error)> done;

  int64_t taken = 0;  // these two are guarded by the coalescer
  int in_flight = 0;  // shares under way, at most options.threads
  std::atomic<int64_t> finished{0};
  std::mutex error_mutex;
  std::exception_ptr error;
  SearchJob* next = nullptr;
};

class Coalescer {
 public:
  explicit Coalescer(IndexState& index) : index_(index) {}
  ~Coalescer();
  // Takes no lock: the JS thread calls it.
  void submit(std::unique_ptr<SearchJob> job);
  // Answers one share of what waits; called by workers.
  void work();

 private:
  struct Part {
    SearchJob* job;
    int64_t from;
    int64_t count;
  };
  std::vector<Part> take();
  void fill(std::vector<Part>& parts);
  void answer(std::vector<Part>& parts);
  void finish(const Part& part, std::exception_ptr error);
  void post_token();

  IndexState& index_;
  std::atomic<SearchJob*> inbox_{nullptr};
  std::mutex mutex_;  // between workers only
  std::deque<SearchJob*> queue_;
  int64_t pending_ = 0;
};

}  // namespace quiver
