#include "core/rebuild.h"

#include <faiss/IndexHNSW.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/ProductQuantizer.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <unordered_set>
#include <utility>

#include "core/compactor.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/fair_lock.h"
#include "core/fault.h"
#include "core/index_state.h"
#include "core/writer.h"

namespace quiver {

namespace {

constexpr size_t kReadBlock = 512;
constexpr size_t kSmallJournal = 1024;
constexpr int kRounds = 4;
constexpr size_t kMaxTraining = 100000;

thread_local const Ticket* running = nullptr;

// FAISS asks this between the blocks of a long call. It is process-wide, so it finds the call by its thread.
struct TicketInterrupt final : faiss::InterruptCallback {
  bool want_interrupt() override {
    return (running != nullptr && running->aborted()) || shutting_down().load(std::memory_order_relaxed);
  }
};

void install_interrupt() {
  static std::once_flag once;
  std::call_once(once, [] { faiss::InterruptCallback::instance = std::make_unique<TicketInterrupt>(); });
}

// Gives each OPQ of a nest a quantizer that keeps quiet about small samples. They must live while it trains.
std::vector<std::unique_ptr<faiss::ProductQuantizer>> silence_rotations(faiss::Index& index) {
  std::vector<std::unique_ptr<faiss::ProductQuantizer>> quantizers;
  auto* transform = dynamic_cast<faiss::IndexPreTransform*>(&index);
  if (transform == nullptr) return quantizers;
  for (auto* step : transform->chain) {
    auto* rotation = dynamic_cast<faiss::OPQMatrix*>(step);
    if (rotation == nullptr || rotation->pq != nullptr) continue;
    quantizers.push_back(std::make_unique<faiss::ProductQuantizer>(rotation->d_out, rotation->M, 8));
    quantizers.back()->cp.min_points_per_centroid = 1;
    rotation->pq = quantizers.back().get();
  }
  return quantizers;
}

// The same kind of index, trained like the old one, without vectors.
std::unique_ptr<faiss::Index> empty_twin(const faiss::Index& index) {
  // Of a graph only the trained storage is copied: its links would be thrown away at once.
  const auto* graph = dynamic_cast<const faiss::IndexHNSWFlat*>(&index);
  if (graph == nullptr) {
    auto twin = copy_index(index);
    twin->reset();
    return twin;
  }
  const int links = graph->hnsw.cum_nneighbor_per_level[1] / 2;
  auto twin = std::make_unique<faiss::IndexHNSWFlat>(graph->d, links, graph->metric_type);
  twin->metric_arg = graph->metric_arg;
  twin->hnsw.efConstruction = graph->hnsw.efConstruction;
  twin->hnsw.efSearch = graph->hnsw.efSearch;
  twin->keep_max_size_level0 = graph->keep_max_size_level0;
  return twin;
}

}  // namespace

void reconstruct_row(const faiss::Index& index, int64_t row, float* out) {
  if (const auto* graph = as_hnsw(&index)) {
    graph->storage->reconstruct(row, out);
  } else {
    index.reconstruct(row, out);
  }
}

void train_index(faiss::Index& index, int64_t n, const float* x, const Ticket& ticket) {
  install_interrupt();
  running = &ticket;
  // OPQ trains a product quantizer of its own, and FAISS prints a warning for each of its rounds.
  std::vector<std::unique_ptr<faiss::ProductQuantizer>> quiet = silence_rotations(index);
  auto finish = [&] {
    running = nullptr;
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(&index); transform != nullptr && !quiet.empty()) {
      for (auto* step : transform->chain) {
        if (auto* rotation = dynamic_cast<faiss::OPQMatrix*>(step)) rotation->pq = nullptr;
      }
    }
  };
  try {
    index.train(n, x);
    finish();
  } catch (const faiss::FaissException& e) {
    finish();
    ticket.check();
    throw Error(code::kFaiss, "FAISS could not train the index: " + e.msg, "vectors that the kind can learn from",
                std::to_string(n) + " vectors");
  } catch (...) {
    finish();
    throw;
  }
}

Body live_copy(const Body& body, const Ticket& ticket) {
  Body copy;
  copy.factory = body.factory;
  if (auto index = copy_live_rows(body)) {
    copy.index = std::move(index);
    copy.rows = body.rows.compacted();
    return copy;
  }
  copy.index = empty_twin(*body.index);
  FairLock lock;
  Writer writer(copy, lock, ticket, Executor::instance().threads());
  const std::vector<int64_t> rows = body.rows.live_rows();
  writer.reserve(static_cast<int64_t>(rows.size()));
  std::vector<float> block(kReadBlock * static_cast<size_t>(body.index->d));
  for (size_t at = 0; at < rows.size(); at += kReadBlock) {
    ticket.check();
    const size_t n = std::min(kReadBlock, rows.size() - at);
    for (size_t i = 0; i < n; i++) reconstruct_row(*body.index, rows[at + i], block.data() + i * body.index->d);
    writer.append(static_cast<int64_t>(n), block.data(), [&](int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; i++) copy.rows.append(body.rows.id(rows[at + first + i]));
    });
  }
  copy.rows.set_next_id(body.rows.next_id());
  return copy;
}

Rebuild::Rebuild(std::shared_ptr<IndexState> index, std::optional<Spec> spec, std::shared_ptr<Ticket> ticket, Done done)
    : index_(std::move(index)), spec_(std::move(spec)), ticket_(std::move(ticket)), done_(std::move(done)) {}

void Rebuild::start(std::shared_ptr<IndexState> index, std::optional<Spec> spec, std::shared_ptr<Ticket> ticket,
                    Done done) {
  std::shared_ptr<Rebuild> self(new Rebuild(std::move(index), std::move(spec), std::move(ticket), std::move(done)));
  self->index_->strand->post(make_task([self] { self->guarded([&] { self->begin(); }); }));
}

template <typename Step>
void Rebuild::guarded(Step&& step) {
  try {
    fault::point(fault::Place::kWork);
    ticket_->check();
    step();
  } catch (...) {
    end(std::current_exception());
  }
}

void Rebuild::end(std::exception_ptr error) {
  if (std::exchange(ended_, true)) return;
  if (owns_journal_) {
    std::lock_guard<std::mutex> guard(index_->small_);
    index_->journal_.reset();
  }
  fresh_ = Body();
  done_(error);
}

void Rebuild::begin() {
  index_->check_usable();
  Body& body = index_->body_;
  if (!spec_ && body.rows.dead() == 0) return end(nullptr);
  if (!spec_) {
    // Lists are copied without their dead entries at memory speed: no need to let writers in meanwhile.
    if (auto swept = copy_live_rows(body)) {
      fresh_.index = std::move(swept);
      fresh_.rows = body.rows.compacted();
      fresh_.factory = body.factory;
      ids_.clear();
      return finish();
    }
  }
  index_->prepare_get();
  {
    std::lock_guard<std::mutex> guard(index_->small_);
    if (index_->journal_) {
      throw Error(code::kArgument, "The index is being rebuilt already.", "one rebuild at a time", "a second one");
    }
    index_->journal_ = std::make_shared<std::unordered_set<int64_t>>();
    owns_journal_ = true;
  }
  ids_ = body.rows.live_rows();
  for (auto& row : ids_) row = body.rows.id(row);
  Executor::instance().post_bulk(make_task([self = shared_from_this()] { self->guarded([&] { self->build(); }); }));
}

std::vector<float> Rebuild::read(const std::vector<int64_t>& ids, size_t from, size_t to,
                                 std::vector<int64_t>& found) const {
  const auto dim = static_cast<size_t>(index_->dim());
  std::vector<float> vectors((to - from) * dim);
  found.clear();
  SharedHold hold(index_->lock_);
  index_->check_usable();
  for (size_t i = from; i < to; i++) {
    const int64_t row = index_->body_.rows.find(ids[i]);
    if (row < 0) continue;
    reconstruct_row(*index_->body_.index, row, vectors.data() + found.size() * dim);
    found.push_back(ids[i]);
  }
  return vectors;
}

void Rebuild::make_fresh() {
  if (!spec_) {
    SharedHold hold(index_->lock_);
    fresh_.index = empty_twin(*index_->body_.index);
    fresh_.factory = index_->body_.factory;
    return;
  }
  fresh_.index = make_index(*spec_);
  fresh_.factory = spec_->factory;
  if (fresh_.index->is_trained) return;
  std::vector<int64_t> sample = ids_;
  std::shuffle(sample.begin(), sample.end(), std::mt19937_64(12345));
  sample.resize(std::min(sample.size(), kMaxTraining));
  std::vector<int64_t> found;
  std::vector<float> training;
  for (size_t at = 0; at < sample.size(); at += kReadBlock) {
    ticket_->check();
    const auto block = read(sample, at, std::min(sample.size(), at + kReadBlock), found);
    training.insert(training.end(), block.begin(), block.begin() + found.size() * static_cast<size_t>(index_->dim()));
  }
  train_index(*fresh_.index, static_cast<int64_t>(training.size()) / index_->dim(), training.data(), *ticket_);
}

// Brings the fresh index to what the running one holds under these ids now.
void Rebuild::take_over(const std::vector<int64_t>& ids) {
  FairLock nobody;
  std::vector<int64_t> found;
  Writer writer(fresh_, nobody, *ticket_, Executor::instance().threads());
  writer.reserve(static_cast<int64_t>(ids.size()));
  for (size_t at = 0; at < ids.size(); at += kReadBlock) {
    ticket_->check();
    const size_t to = std::min(ids.size(), at + kReadBlock);
    for (size_t i = at; i < to; i++) {
      const int64_t old = fresh_.rows.find(ids[i]);
      if (old >= 0) fresh_.rows.kill(old);
    }
    const auto vectors = read(ids, at, to, found);
    writer.append(static_cast<int64_t>(found.size()), vectors.data(), [&](int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; i++) fresh_.rows.append(found[static_cast<size_t>(first + i)]);
    });
    ticket_->report("rebuild", static_cast<int64_t>(to), static_cast<int64_t>(ids.size()));
  }
}

void Rebuild::build() {
  make_fresh();
  take_over(ids_);
  // Writes that came meanwhile: a few rounds here, so that little is left for the strand.
  for (int round = 0; round < kRounds; round++) {
    std::vector<int64_t> touched;
    {
      std::lock_guard<std::mutex> guard(index_->small_);
      if (index_->journal_->size() <= kSmallJournal) break;
      touched.assign(index_->journal_->begin(), index_->journal_->end());
      index_->journal_->clear();
    }
    take_over(touched);
  }
  index_->strand->post(make_task([self = shared_from_this()] {
    self->guarded([&] {
      std::vector<int64_t> touched;
      {
        std::lock_guard<std::mutex> guard(self->index_->small_);
        touched.assign(self->index_->journal_->begin(), self->index_->journal_->end());
      }
      self->take_over(touched);
      self->finish();
    });
  }));
}

void Rebuild::finish() {
  index_->check_usable();
  FairLock nobody;
  sweep_in_place(fresh_, nobody);
  fresh_.rows.set_next_id(index_->body_.rows.next_id());
  {
    std::lock_guard<FairLock> hold(index_->lock_);
    std::swap(index_->body_, fresh_);
    index_->shape_ = Shape(index_->body_.index.get());
    if (spec_) index_->spec_.factory = spec_->factory;
  }
  index_->changed();
  end(nullptr);
}

}  // namespace quiver
