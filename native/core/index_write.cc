// The writing functions of IndexState, and those that no write may disturb: tasks of the strand.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/compactor.h"
#include "core/error.h"
#include "core/faiss_file.h"
#include "core/index_state.h"
#include "core/memory.h"
#include "core/rebuild.h"
#include "core/writer.h"

namespace quiver {

namespace {

// Dead rows cost a search time and memory: sweep when they are a fifth of the rows.
constexpr int64_t kSweepFrom = 256;
constexpr int64_t kSweepShare = 5;
// Adds smaller than this are not checked against the free memory.
constexpr uint64_t kSmallAdd = 64 << 20;

}  // namespace

void IndexState::prepare_get() {
  check_usable();
  auto* lists = as_ivf(base_of(body_.index.get()));
  if (lists == nullptr || !lists->direct_map.no()) return;
  std::lock_guard<FairLock> hold(lock_);
  lists->make_direct_map(true);
}

// What FAISS has learnt, it keeps in later trainings: lists stay where they are, a rotation is not turned. And a
// training that is cancelled in the middle has learnt half. So a fresh index is taught, and takes the place of the
// running one when that went well.
std::unique_ptr<faiss::Index> IndexState::untaught() const {
  try {
    auto fresh = make_index(spec_);
    const auto now = stats();
    quiver::set_parameters(fresh.get(), now->ef_construction, now->ef_search, static_cast<int>(now->nprobe));
    return fresh;
  } catch (const Error&) {
    return nullptr;  // the description of a foreign file does not always make an index: that one is taught as it is
  }
}

void IndexState::train(Staging vectors, const std::optional<Spec>& spec, const Ticket& ticket) {
  check_usable();
  vectors.check();
  if (!spec && learns_nothing(body_.index.get())) return;
  if (body_.rows.rows() > 0) {
    throw Error(code::kArgument, "The index is trained and holds vectors; call reset() before training it anew.",
                "an empty index", std::to_string(body_.rows.live()) + " vectors");
  }
  if (spec_.metric == Metric::kCosine) vectors.normalize();
  auto fresh = spec ? make_index(*spec) : untaught();
  // Nobody reads the FAISS index while it has no rows, so in place it needs no lock either.
  faiss::Index& target = fresh ? *fresh : *body_.index;
  const auto* lists = as_ivf(base_of(&target));
  if (lists != nullptr && vectors.size() < lists->nlist) {
    throw Error(code::kArgument,
                "Training needs at least as many vectors as lists: nlist is " + std::to_string(lists->nlist) +
                    ", but " + std::to_string(vectors.size()) + " vectors came. Give more vectors or a smaller nlist.",
                ">= " + std::to_string(lists->nlist) + " vectors", std::to_string(vectors.size()));
  }
  // FAISS wants one block. The pieces go as they are copied.
  std::vector<float> block;
  block.reserve(vectors.size() * vectors.dim());
  for (size_t i = 0; i < vectors.pieces(); i++) {
    block.insert(block.end(), vectors.piece(i), vectors.piece(i) + vectors.piece_size(i) * vectors.dim());
    vectors.release(i);
  }
  ticket.report("train", 0, static_cast<int64_t>(vectors.size()));
  train_index(target, static_cast<int64_t>(vectors.size()), block.data(), ticket);
  ticket.report("train", static_cast<int64_t>(vectors.size()), static_cast<int64_t>(vectors.size()));
  if (fresh) {
    std::lock_guard<FairLock> hold(lock_);
    body_.index.swap(fresh);
    shape_ = Shape(body_.index.get());
    if (spec) body_.factory = spec_.factory = spec->factory;
  }
  changed();
}

void IndexState::check_ids_before_add(const std::vector<int64_t>& ids, bool refuse_existing) const {
  for (int64_t id : ids) {
    if (id < 0)
      throw Error(code::kRange, "An id must be 0 or more: -1 marks empty places.", ">= 0", std::to_string(id));
  }
  if (!refuse_existing) return;
  std::unordered_set<int64_t> seen;
  for (int64_t id : ids) {
    if (body_.rows.find(id) >= 0 || !seen.insert(id).second) {
      throw Error(code::kExists, "The id " + std::to_string(id) + " is there already; nothing was added.", "new ids",
                  std::to_string(id));
    }
  }
}

// Ids that count on from the highest must stay ids: safe integers, or int64.
void IndexState::check_room_for_ids(int64_t n) const {
  const int64_t highest = bigint_ids_ ? std::numeric_limits<int64_t>::max() : (int64_t{1} << 53) - 1;
  const int64_t next = body_.rows.next_id();
  if (next <= highest - n) return;
  throw Error(
      code::kRange,
      "No ids are left above the highest in the index (" + std::to_string(next - 1) + "); give ids of your own.",
      "ids up to " + std::to_string(highest), std::to_string(next) + " and on");
}

void IndexState::check_memory(int64_t vectors) const {
  size_t row_bytes = 16;
  for (auto* codes : all_codes(body_.index.get())) row_bytes += codes->code_size;
  if (const auto* graph = as_hnsw(body_.index.get())) {
    row_bytes += static_cast<size_t>(graph->hnsw.cum_nneighbor_per_level[1] + 2) * sizeof(int32_t);
  }
  if (const auto* lists = as_ivf(base_of(body_.index.get()))) row_bytes += lists->code_size;
  const uint64_t need = row_bytes * static_cast<uint64_t>(vectors);
  if (need < kSmallAdd) return;
  const uint64_t free_bytes = available_memory();
  if (need > free_bytes) {
    throw Error(code::kOutOfMemory,
                "Adding " + std::to_string(vectors) + " vectors needs about " + std::to_string(need >> 20) +
                    " MiB, but " + std::to_string(free_bytes >> 20) +
                    " MiB are free. Use a kind with codes (SQ8, PQ) or a machine with more memory.",
                std::to_string(need) + " bytes", std::to_string(free_bytes) + " bytes");
  }
}

void IndexState::touch(int64_t id) {
  std::lock_guard<std::mutex> guard(small_);
  if (journal_) journal_->insert(id);
}

AddOutcome IndexState::add(Staging vectors, std::optional<std::vector<int64_t>> ids, bool refuse_existing,
                           const Ticket& ticket) {
  check_usable();
  const auto n = static_cast<int64_t>(vectors.size());
  vectors.check();
  if (!body_.index->is_trained) {
    throw Error(code::kNotTrained,
                "This kind of index (" + body_.factory +
                    ") must be trained first: call train() with a sample of "
                    "the vectors.",
                "a trained index", "an untrained one");
  }
  if (ids) check_ids_before_add(*ids, refuse_existing);
  if (!ids) check_room_for_ids(n);
  check_memory(n);
  if (spec_.metric == Metric::kCosine) vectors.normalize();
  AddOutcome outcome;
  if (ids) {
    outcome.ids = std::move(*ids);
  } else {
    outcome.ids.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; i++) outcome.ids[static_cast<size_t>(i)] = body_.rows.next_id() + i;
  }
  Writer writer(body_, lock_, ticket, Executor::instance().threads());
  writer.reserve(n);
  int64_t done = 0;
  for (size_t piece = 0; piece < vectors.pieces() && !ticket.aborted(); piece++) {
    const auto size = static_cast<int64_t>(vectors.piece_size(piece));
    const int64_t base = done;
    done += writer.append(size, vectors.piece(piece), [&](int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; i++) {
        const int64_t id = outcome.ids[static_cast<size_t>(base + first + i)];
        const int64_t old = body_.rows.find(id);
        if (old >= 0) {
          body_.rows.kill(old);
          outcome.replaced++;
        } else {
          outcome.added++;
        }
        body_.rows.append(id);
        touch(id);
      }
      generation_++;
      ticket.report("add", base + first + count, n);
    });
    vectors.release(piece);
  }
  if (outcome.replaced > 0) sweep();
  changed();
  if (done < n) {
    throw Error(code::kAborted,
                "The add was aborted after " + std::to_string(done) + " of " + std::to_string(n) +
                    " vectors; those stay in the index.",
                std::to_string(n) + " vectors", std::to_string(done));
  }
  return outcome;
}

int64_t IndexState::remove(const std::vector<int64_t>& ids, const Ticket& ticket) {
  check_usable();
  constexpr size_t kSlice = 10000;
  int64_t removed = 0;
  for (size_t at = 0; at < ids.size() && !ticket.aborted(); at += kSlice) {
    std::lock_guard<FairLock> hold(lock_);
    for (size_t i = at; i < std::min(ids.size(), at + kSlice); i++) {
      const int64_t row = body_.rows.find(ids[i]);
      if (row < 0) continue;
      body_.rows.kill(row);
      touch(ids[i]);
      removed++;
    }
    generation_++;
  }
  if (removed > 0) sweep();
  changed();
  if (ticket.aborted()) {
    throw Error(code::kAborted,
                "The call was aborted; " + std::to_string(removed) + " vectors were removed until then.",
                std::to_string(ids.size()) + " ids", std::to_string(removed) + " removed");
  }
  return removed;
}

// Rids the index of dead rows as cheaply as its kind allows: at once, or in the background when they have become many.
void IndexState::sweep() {
  if (sweep_in_place(body_, lock_)) return;
  if (body_.rows.dead() < kSweepFrom || body_.rows.dead() * kSweepShare < body_.rows.rows()) return;
  if (sweeping_.exchange(true)) return;
  rebuild(std::nullopt, std::make_shared<Ticket>(), [self = shared_from_this()](std::exception_ptr) {
    // A sweep that failed (no memory, shutting down) leaves the dead rows for the next one.
    self->sweeping_ = false;
  });
}

void IndexState::reset() {
  check_usable();
  RowIds rows;
  std::shared_ptr<Region> region;
  // What was trained stays trained, as in FAISS.
  {
    std::lock_guard<FairLock> hold(lock_);
    drop_views(body_.index.get());
    body_.index->reset();
    std::swap(body_.rows, rows);
    region.swap(body_.region);
  }
  {
    std::lock_guard<std::mutex> guard(small_);
    if (journal_) {
      for (int64_t row = 0; row < rows.rows(); row++) journal_->insert(rows.id(row));
    }
  }
  changed();
}

void IndexState::set_parameters(int ef_construction, int ef_search, int nprobe) {
  check_usable();
  {
    std::lock_guard<FairLock> hold(lock_);
    quiver::set_parameters(body_.index.get(), ef_construction, ef_search, nprobe);
  }
  publish();
}

// --- persistence: the strand keeps writers out, so readers need not wait

uint64_t IndexState::save(const std::string& path, const Ticket& ticket) {
  check_usable();
  AtomicFile file(path);
  write_snapshot(body_, info(), file, ticket);
  file.publish();
  return file.position();
}

std::vector<uint8_t> IndexState::to_bytes(const Ticket& ticket) {
  check_usable();
  MemorySink sink;
  write_snapshot(body_, info(), sink, ticket);
  return sink.take();
}

namespace {

// Plain FAISS has no dead rows: writes a swept copy where there are some.
void write_live(const Body& body, Sink& sink, const Ticket& ticket) {
  if (body.rows.dead() == 0) {
    write_faiss(body, sink, ticket);
    return;
  }
  Body copy = live_copy(body, ticket);
  write_faiss(copy, sink, ticket);
}

}  // namespace

uint64_t IndexState::export_faiss(const std::string& path, const Ticket& ticket) {
  prepare_get();
  AtomicFile file(path);
  write_live(body_, file, ticket);
  file.publish();
  return file.position();
}

std::vector<uint8_t> IndexState::export_faiss_bytes(const Ticket& ticket) {
  prepare_get();
  MemorySink sink;
  write_live(body_, sink, ticket);
  return sink.take();
}

}  // namespace quiver
