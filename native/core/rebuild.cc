#include "core/rebuild.h"

#include <faiss/IndexHNSW.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <utility>

#include "core/compactor.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/fair_lock.h"
#include "core/fault.h"
#include "core/index_state.h"
#include "core/memory.h"
#include "core/reach.h"
#include "core/training.h"
#include "core/vectors.h"
#include "core/writer.h"

namespace quiver {

namespace {

constexpr size_t kReadBlock = 512;
constexpr size_t kSmallJournal = 1024;
constexpr int kRounds = 4;
constexpr size_t kMaxTraining = 100000;
// Rebuilds of less than this are not checked against the free memory.
constexpr uint64_t kSmallRebuild = 64 << 20;

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

// Whether ids are simply those that the next rows would have by counting.
template <typename IdOf>
bool counts_on(const RowIds& rows, size_t n, const IdOf& id_of) {
  for (size_t i = 0; i < n; i++) {
    if (id_of(i) != rows.rows() + static_cast<int64_t>(i)) return false;
  }
  return true;
}

}  // namespace

void reconstruct_row(const faiss::Index& index, int64_t row, float* out) {
  if (const auto* graph = as_hnsw(&index)) {
    graph->storage->reconstruct(row, out);
  } else {
    index.reconstruct(row, out);
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
  // What codes decode to goes through add again, which must never see what is not a number.
  const double limit = squared_norm_limit(*copy.index);
  FairLock lock;
  Writer writer(copy, lock, ticket, Executor::instance().threads());
  const std::vector<int64_t> rows = body.rows.live_rows();
  const bool counting = counts_on(copy.rows, rows.size(), [&](size_t i) { return body.rows.id(rows[i]); });
  writer.reserve(static_cast<int64_t>(rows.size()), !counting);
  std::vector<float> block(kReadBlock * static_cast<size_t>(body.index->d));
  for (size_t at = 0; at < rows.size(); at += kReadBlock) {
    const size_t n = std::min(kReadBlock, rows.size() - at);
    for (size_t i = 0; i < n; i++) reconstruct_row(*body.index, rows[at + i], block.data() + i * body.index->d);
    check_vectors(n, static_cast<size_t>(body.index->d), block.data(), static_cast<int64_t>(at), limit);
    writer.append(static_cast<int64_t>(n), block.data(), [&](int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; i++) copy.rows.append(body.rows.id(rows[at + first + i]));
    });
    ticket.check();  // a cancelled append has left rows out
  }
  copy.rows.set_next_id(body.rows.next_id());
  return copy;
}

Rebuild::Rebuild(std::shared_ptr<IndexState> index, std::optional<Spec> spec, std::shared_ptr<Ticket> ticket,
                 bool sweep, Done done)
    : index_(std::move(index)),
      spec_(std::move(spec)),
      ticket_(std::move(ticket)),
      sweep_(sweep),
      done_(std::move(done)) {}

void Rebuild::start(std::shared_ptr<IndexState> index, std::optional<Spec> spec, std::shared_ptr<Ticket> ticket,
                    bool sweep, Done done) {
  std::shared_ptr<Rebuild> self(
      new Rebuild(std::move(index), std::move(spec), std::move(ticket), sweep, std::move(done)));
  self->post_begin();
}

void Rebuild::post_begin() {
  try {
    index_->strand->post(make_task([self = shared_from_this()] { self->guarded([&] { self->begin(); }); }));
  } catch (...) {
    end(std::current_exception());
  }
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
  if (journal_) {
    std::lock_guard<std::mutex> guard(index_->small_);
    index_->journal_.reset();
  }
  fresh_ = Body();
  done_(error);
}

void Rebuild::check_memory(uint64_t need) const {
  if (need < kSmallRebuild) return;
  const uint64_t has = available_memory();
  if (need <= has) return;
  throw Error(code::kOutOfMemory,
              "A rebuild makes the new index beside the old one: that needs " + std::to_string(need >> 20) +
                  " MiB more, but " + std::to_string(has >> 20) + " MiB are free.",
              std::to_string(need) + " bytes", std::to_string(has) + " bytes");
}

void Rebuild::begin() {
  index_->check_usable();
  // A sweep that the index has begun by itself must not make one fail that was asked for: that one comes after it.
  if (!sweep_ && index_->after_sweep([self = shared_from_this()] { self->post_begin(); })) return;
  if (index_->journal()) {
    throw Error(code::kArgument, "The index is being rebuilt already.", "one rebuild at a time", "a second one");
  }
  Body& body = index_->body_;
  if (!spec_ && body.rows.dead() == 0) return end(nullptr);
  if (spec_) fresh_.index = make_index(*spec_);
  check_memory(spec_ ? bytes_a_row(fresh_.index.get()) * static_cast<uint64_t>(body.rows.live()) : body.bytes());
  if (!spec_) {
    // Lists are copied without their dead entries at memory speed: no need to let writers in meanwhile.
    if (auto swept = copy_live_rows(body)) {
      fresh_.index = std::move(swept);
      fresh_.rows = body.rows.compacted();
      fresh_.factory = body.factory;
      ticket_->report("rebuild", fresh_.rows.rows(), fresh_.rows.rows());
      swap_in();
      return end(nullptr);
    }
  }
  index_->prepare_get();
  // Copied here, where no writer is at work: no lock is held for it that a search could wait for.
  if (!spec_) fresh_.index = empty_twin(*body.index);
  fresh_.factory = spec_ ? spec_->factory : body.factory;
  ids_ = body.rows.live_rows();
  for (auto& row : ids_) row = body.rows.id(row);
  auto journal = std::make_shared<Journal>();
  {
    std::lock_guard<std::mutex> guard(index_->small_);
    index_->journal_ = journal;
  }
  journal_ = std::move(journal);
  Executor::instance().post_bulk(make_task([self = shared_from_this()] { self->guarded([&] { self->build(); }); }));
}

std::vector<float> Rebuild::read(const std::vector<int64_t>& ids, size_t from, size_t to,
                                 std::vector<int64_t>& found) const {
  const auto dim = static_cast<size_t>(index_->dim());
  std::vector<float> vectors((to - from) * dim);
  found.clear();
  SharedHold hold(index_->lock_);
  index_->check_usable();
  // Another index may stand there by now, from which rows cannot be read back.
  if (journal_) journal_->check();
  for (size_t i = from; i < to; i++) {
    const int64_t row = index_->body_.rows.find(ids[i]);
    if (row < 0) continue;
    reconstruct_row(*index_->body_.index, row, vectors.data() + found.size() * dim);
    found.push_back(ids[i]);
  }
  check_vectors(found.size(), dim, vectors.data(), static_cast<int64_t>(from), index_->shape_.limit);
  return vectors;
}

void Rebuild::train_fresh() {
  if (fresh_.index->is_trained) return;
  std::vector<int64_t> sample = ids_;
  std::shuffle(sample.begin(), sample.end(), std::mt19937_64(12345));
  sample.resize(std::min(sample.size(), kMaxTraining));
  std::vector<int64_t> found;
  std::vector<float> training;
  for (size_t at = 0; at < sample.size(); at += kReadBlock) {
    ticket_->check();
    const auto block = read(sample, at, std::min(sample.size(), at + kReadBlock), found);
    const auto floats = static_cast<int64_t>(found.size()) * index_->dim();
    training.insert(training.end(), block.begin(), block.begin() + floats);
  }
  train_index(*fresh_.index, static_cast<int64_t>(training.size()) / index_->dim(), training.data(), *ticket_);
}

// Brings the fresh index to what the running one holds under these ids now.
void Rebuild::take_over(const std::vector<int64_t>& ids) {
  FairLock nobody;
  std::vector<int64_t> found;
  Writer writer(fresh_, nobody, *ticket_, Executor::instance().threads());
  const bool counting = counts_on(fresh_.rows, ids.size(), [&](size_t i) { return ids[i]; });
  writer.reserve(static_cast<int64_t>(ids.size()), !counting);
  for (size_t at = 0; at < ids.size(); at += kReadBlock) {
    const size_t to = std::min(ids.size(), at + kReadBlock);
    for (size_t i = at; i < to; i++) {
      const int64_t old = fresh_.rows.find(ids[i]);
      if (old >= 0) fresh_.rows.kill(old);
    }
    const auto vectors = read(ids, at, to, found);
    writer.append(static_cast<int64_t>(found.size()), vectors.data(), [&](int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; i++) fresh_.rows.append(found[static_cast<size_t>(first + i)]);
    });
    // A cancelled append has left rows out: they must never take the place of what is there.
    ticket_->check();
    // What was written meanwhile is little, and would count from 0 again.
    if (&ids == &ids_) ticket_->report("rebuild", static_cast<int64_t>(to), static_cast<int64_t>(ids.size()));
  }
}

void Rebuild::take_over_journal() {
  const Journal::Entries entries = journal_->take();
  if (entries.emptied) {
    fresh_.index->reset();
    fresh_.rows = RowIds();
  }
  take_over(entries.ids);
}

void Rebuild::build() {
  train_fresh();
  take_over(ids_);
  // Writes that came meanwhile: a few rounds here, so that little is left for the strand.
  for (int round = 0; round < kRounds && journal_->size() > kSmallJournal; round++) take_over_journal();
  index_->strand->post(make_task([self = shared_from_this()] { self->guarded([&] { self->finish(); }); }));
}

void Rebuild::finish() {
  index_->check_usable();
  take_over_journal();
  const Journal::Parameters set = journal_->parameters();
  set_parameters(fresh_.index.get(), set.ef_construction, set.ef_search, set.nprobe);
  FairLock nobody;
  sweep_in_place(fresh_, nobody);
  swap_in();
  end(nullptr);
}

void Rebuild::swap_in() {
  derive_codes(fresh_, nullptr);
  fresh_.rows.set_next_id(index_->body_.rows.next_id());
  const Shape shape(fresh_.index.get());
  {
    std::lock_guard<FairLock> hold(index_->lock_);
    std::swap(index_->body_, fresh_);
    index_->shape_ = shape;
    if (spec_) index_->spec_.factory = spec_->factory;
  }
  index_->changed();
}

}  // namespace quiver
