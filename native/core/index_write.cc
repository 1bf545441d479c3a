// The writing functions of IndexState but add(), and those that no write may disturb: tasks of the strand.
#include <algorithm>
#include <new>
#include <utility>

#include "core/compactor.h"
#include "core/error.h"
#include "core/faiss_file.h"
#include "core/index_state.h"
#include "core/journal.h"
#include "core/rebuild.h"
#include "core/training.h"

namespace quiver {

namespace {

// Dead rows cost a search time and memory: sweep when they are a fifth of the rows.
constexpr int64_t kSweepFrom = 256;
constexpr int64_t kSweepShare = 5;

}  // namespace

void IndexState::prepare_get() {
  check_usable();
  map_rows(body_.index.get(), lock_);
}

void IndexState::train(Staging vectors, const std::optional<Spec>& spec, const Ticket& ticket) {
  check_usable();
  vectors.check();
  if (body_.rows.rows() > 0) {
    if (!spec && learns_nothing(body_.index.get())) return;
    throw Error(code::kArgument, "The index is trained and holds vectors; call reset() before training it anew.",
                "an empty index", std::to_string(body_.rows.live()) + " vectors");
  }
  if (spec_.metric == Metric::kCosine) vectors.normalize();
  std::unique_ptr<faiss::Index> fresh;
  if (spec) fresh = make_index(*spec);
  // Nobody reads the FAISS index while it has no rows, so it is trained in place and without the lock.
  faiss::Index& target = fresh ? *fresh : *body_.index;
  const auto* lists = as_ivf(base_of(&target));
  if (lists != nullptr && vectors.size() < lists->nlist) {
    throw Error(code::kArgument,
                "Training needs at least as many vectors as lists: nlist is " + std::to_string(lists->nlist) +
                    ", but " + std::to_string(vectors.size()) + " vectors came. Give more vectors or a smaller nlist.",
                ">= " + std::to_string(lists->nlist) + " vectors", std::to_string(vectors.size()) + " vectors");
  }
  // FAISS wants one block. The pieces go as they are copied.
  std::vector<float> block;
  block.reserve(vectors.size() * vectors.dim());
  for (size_t i = 0; i < vectors.pieces(); i++) {
    block.insert(block.end(), vectors.piece(i), vectors.piece(i) + vectors.piece_size(i) * vectors.dim());
    vectors.release(i);
  }
  const auto n = static_cast<int64_t>(vectors.size());
  ticket.report("train", 0, n);
  const auto running = journal();
  if (running && (fresh || !learns_nothing(&target))) running->supersede();
  if (!fresh) forget_training(&target);
  try {
    train_index(target, n, block.data(), ticket);
  } catch (...) {
    if (!fresh) changed();  // it is untrained now
    throw;
  }
  ticket.report("train", n, n);
  {
    // Training fills the transforms, and how far they reach is part of the shape.
    const Shape shape(&target);
    std::lock_guard<FairLock> hold(lock_);
    shape_ = shape;
    if (fresh) {
      body_.index.swap(fresh);
      body_.factory = spec->factory;
      spec_.factory = spec->factory;
    }
  }
  changed();
}

int64_t IndexState::remove(const std::vector<int64_t>& ids, const Ticket& ticket) {
  check_usable();
  constexpr size_t kSlice = 10000;
  const auto running = journal();
  int64_t removed = 0;
  size_t at = 0;
  while (at < ids.size() && !ticket.aborted()) {
    const size_t end = std::min(ids.size(), at + kSlice);
    std::lock_guard<FairLock> hold(lock_);
    for (; at < end; at++) {
      const int64_t row = body_.rows.find(ids[at]);
      if (row < 0) continue;
      body_.rows.kill(row);
      if (running) running->touch(ids[at]);
      removed++;
    }
    generation_++;
    count_ = body_.rows.live();
  }
  if (removed > 0) sweep();
  changed();
  if (at < ids.size()) {
    throw Error(code::kAborted,
                "The call was aborted; " + std::to_string(removed) + " vectors were removed until then.",
                std::to_string(ids.size()) + " ids", std::to_string(removed) + " removed");
  }
  return removed;
}

// Rids the index of dead rows as cheaply as its kind allows: at once, or in the background when they have become many.
// Without memory for it they stay, and the next write tries again: searches leave them out in any case.
void IndexState::sweep() {
  try {
    if (sweep_in_place(body_, lock_)) return;
  } catch (const std::bad_alloc&) {
    return;
  }
  if (body_.rows.dead() < kSweepFrom || body_.rows.dead() * kSweepShare < body_.rows.rows()) return;
  {
    std::lock_guard<std::mutex> guard(small_);
    if (std::exchange(sweeping_, true)) return;
  }
  // A sweep that failed (no memory, shutting down) leaves the dead rows for the next one.
  auto ended = [this] {
    std::vector<std::function<void()>> waiting;
    {
      std::lock_guard<std::mutex> guard(small_);
      sweeping_ = false;
      waiting.swap(after_sweep_);
    }
    for (auto& call : waiting) call();
  };
  try {
    start_rebuild(std::nullopt, std::make_shared<Ticket>(), true,
                  [self = shared_from_this(), ended](std::exception_ptr) { ended(); });
  } catch (const std::bad_alloc&) {
    ended();
  }
}

bool IndexState::after_sweep(std::function<void()> call) {
  std::lock_guard<std::mutex> guard(small_);
  if (!sweeping_ || !journal_) return false;
  after_sweep_.push_back(std::move(call));
  return true;
}

void IndexState::reset() {
  check_usable();
  RowIds rows;
  std::shared_ptr<Region> region;
  const auto running = journal();
  // What was trained stays trained, as in FAISS.
  own_trained(body_.index.get(), lock_);
  {
    std::lock_guard<FairLock> hold(lock_);
    drop_views(body_.index.get());
    body_.index->reset();
    body_.codes.reset();
    body_.exact.reset();
    body_.next_codes = GraphCodes::kFewest;
    std::swap(body_.rows, rows);
    if (views_are_known(body_.index.get())) region.swap(body_.region);
    if (running) running->empty();
  }
  changed();
}

void IndexState::set_parameters(int ef_construction, int ef_search, int nprobe) {
  check_usable();
  {
    std::lock_guard<FairLock> hold(lock_);
    quiver::set_parameters(body_.index.get(), ef_construction, ef_search, nprobe);
  }
  if (const auto running = journal()) running->set_parameters({ef_construction, ef_search, nprobe});
  publish();
}

// --- persistence: the strand keeps writers out, so readers need not wait

uint64_t IndexState::save(const std::string& path, const Ticket& ticket) {
  verify_first(ticket);
  AtomicFile file(path);
  write_snapshot(body_, info(), file, ticket);
  ticket.check();
  file.publish();
  return file.position();
}

std::vector<uint8_t> IndexState::to_bytes(const Ticket& ticket) {
  verify_first(ticket);
  MemorySink sink;
  write_snapshot(body_, info(), sink, ticket);
  return sink.take();
}

void IndexState::read_live(const Ticket& ticket, const std::function<void(const Body&)>& read) {
  verify_first(ticket);
  if (body_.rows.dead() == 0) {
    read(body_);
    return;
  }
  prepare_get();
  read(live_copy(body_, ticket));
}

// Plain FAISS has no dead rows: writes a swept copy where there are some.
void IndexState::write_live(Sink& sink, const Ticket& ticket) {
  read_live(ticket, [&](const Body& body) { write_faiss(body, sink, ticket); });
}

uint64_t IndexState::export_faiss(const std::string& path, const Ticket& ticket) {
  AtomicFile file(path);
  write_live(file, ticket);
  ticket.check();
  file.publish();
  return file.position();
}

std::vector<uint8_t> IndexState::export_faiss_bytes(const Ticket& ticket) {
  MemorySink sink;
  write_live(sink, ticket);
  return sink.take();
}

}  // namespace quiver
