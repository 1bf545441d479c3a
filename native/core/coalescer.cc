#include "core/coalescer.h"

#include <algorithm>

#include "core/executor.h"
#include "core/fault.h"
#include "core/index_state.h"
#include "core/vectors.h"

namespace quiver {

namespace {
// Under this, FAISS's batch kernels gain nothing and the hand-over costs more than it saves.
constexpr int64_t kMinShare = 32;
}  // namespace

Coalescer::~Coalescer() {
  for (SearchJob* job = inbox_.load(); job != nullptr;) {
    SearchJob* next = job->next;
    delete job;
    job = next;
  }
  for (SearchJob* job : queue_) delete job;
}

void Coalescer::submit(std::unique_ptr<SearchJob> job) {
  SearchJob* raw = job.release();
  raw->next = inbox_.load(std::memory_order_relaxed);
  while (!inbox_.compare_exchange_weak(raw->next, raw, std::memory_order_release, std::memory_order_relaxed)) {
  }
  post_token();
}

void Coalescer::post_token() {
  Executor::instance().post_interactive(make_task([index = index_.shared_from_this()] { index->coalescer.work(); }));
}

void Coalescer::work() {
  auto parts = take();
  if (!parts.empty()) answer(parts);
}

std::vector<Coalescer::Part> Coalescer::take() {
  std::lock_guard<std::mutex> guard(mutex_);
  SearchJob* oldest = nullptr;
  for (SearchJob* job = inbox_.exchange(nullptr, std::memory_order_acquire); job != nullptr;) {
    SearchJob* next = job->next;
    job->next = oldest;
    oldest = job;
    job = next;
  }
  for (; oldest != nullptr; oldest = oldest->next) {
    queue_.push_back(oldest);
    pending_ += oldest->n;
  }
  std::vector<Part> parts;
  fill(parts);
  // The rest needs a token of its own: jobs bring one each, but a job may take many shares. Where nothing could be
  // taken, the shares under way bring it when they end.
  if (pending_ > 0 && !parts.empty()) post_token();
  return parts;
}

void Coalescer::fill(std::vector<Part>& parts) {
  const int64_t workers = Executor::instance().idle_interactive() + 1;
  int64_t share = 0, count = 0;
  for (size_t looked_at = queue_.size(); looked_at > 0; looked_at--) {
    SearchJob* job = queue_.front();
    const SearchOptions& options = job->options;
    if (parts.empty()) {
      if (options.threads > 0 && job->in_flight >= options.threads) {
        queue_.pop_front();
        queue_.push_back(job);
        continue;
      }
      const int64_t most = index_.share_limit(options);
      if (options.threads > 0) {
        share = std::min(most, (job->n + options.threads - 1) / options.threads);
      } else if (index_.searched_by_rows(pending_, options)) {
        share = pending_;
      } else {
        share = std::clamp((pending_ + workers - 1) / workers, kMinShare, most);
      }
    } else if (!options.joins(parts.front().job->options)) {
      break;
    }
    const int64_t part = std::min(job->n - job->taken, share - count);
    parts.push_back({job, job->taken, part});
    job->taken += part;
    job->in_flight++;
    count += part;
    pending_ -= part;
    queue_.pop_front();
    // A large job goes behind the others after each share, so that a single query need not wait for all of it.
    if (job->taken < job->n) queue_.push_back(job);
    if (job->taken < job->n || options.threads > 0 || count >= share) break;
  }
}

void Coalescer::answer(std::vector<Part>& parts) {
  const int64_t dim = index_.dim();
  // One bad or cancelled call must not fail those that it was joined with.
  std::vector<Part> good;
  for (const auto& part : parts) {
    try {
      part.job->ticket->check();
      check_vectors(static_cast<size_t>(part.count), static_cast<size_t>(dim),
                    part.job->queries.data() + part.from * dim, part.from);
      good.push_back(part);
    } catch (...) {
      finish(part, std::current_exception());
    }
  }
  if (good.empty()) return;
  SearchOptions options = good.front().job->options;
  if (options.threads == 0) options.crew = Executor::instance().idle_interactive() + 1;
  const int64_t k = options.k;
  try {
    fault::point(fault::Place::kWork);
    if (good.size() == 1) {
      SearchJob& job = *good[0].job;
      const int64_t from = good[0].from;
      index_.search(good[0].count, job.queries.data() + from * dim, options, job.ids.data() + from * k,
                    job.distances.data() + from * k);
    } else {
      int64_t n = 0;
      for (const auto& part : good) n += part.count;
      std::vector<float> queries(static_cast<size_t>(n * dim));
      std::vector<int64_t> ids(static_cast<size_t>(n * k));
      std::vector<float> distances(static_cast<size_t>(n * k));
      int64_t at = 0;
      for (const auto& part : good) {
        std::copy_n(part.job->queries.data() + part.from * dim, part.count * dim, queries.data() + at * dim);
        at += part.count;
      }
      index_.search(n, queries.data(), options, ids.data(), distances.data());
      at = 0;
      for (const auto& part : good) {
        std::copy_n(ids.data() + at * k, part.count * k, part.job->ids.data() + part.from * k);
        std::copy_n(distances.data() + at * k, part.count * k, part.job->distances.data() + part.from * k);
        at += part.count;
      }
    }
  } catch (...) {
    for (const auto& part : good) finish(part, std::current_exception());
    return;
  }
  for (const auto& part : good) finish(part, nullptr);
}

void Coalescer::finish(const Part& part, std::exception_ptr error) {
  SearchJob* job = part.job;
  if (job->options.threads > 0) {
    bool more;
    {
      std::lock_guard<std::mutex> guard(mutex_);
      job->in_flight--;
      more = job->taken < job->n;
    }
    if (more) post_token();
  }
  if (error) {
    std::lock_guard<std::mutex> guard(job->error_mutex);
    if (!job->error) job->error = error;
  }
  if (job->finished.fetch_add(part.count, std::memory_order_acq_rel) + part.count < job->n) return;
  std::unique_ptr<SearchJob> owned(job);
  owned->done(*owned, owned->error);
}

}  // namespace quiver
