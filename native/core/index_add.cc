// IndexState::add, a task of the strand: what is checked before, and what holds when it ends in the middle.
#include <faiss/impl/FaissException.h>

#include <algorithm>
#include <limits>
#include <new>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/index_state.h"
#include "core/journal.h"
#include "core/memory.h"
#include "core/writer.h"

namespace quiver {

namespace {

// Adds that need less than this are not checked against the free memory.
constexpr uint64_t kSmallAdd = 64 << 20;

// What growing an array to `size` bytes takes for a while: the new one stands beside the old one.
uint64_t to_grow(uint64_t size, uint64_t has, uint64_t capacity) {
  return size <= capacity ? 0 : std::max(size, has + has / 2);
}

// The ids of an add on their way into the map, and the way back for those whose vectors do not get in after all.
class Registration {
 public:
  // `named`: the ids do not simply count rows, so some may replace others.
  Registration(RowIds& rows, Journal* journal, const std::vector<int64_t>& ids, bool named)
      : rows_(rows), journal_(journal), ids_(ids) {
    if (named) replaced_.reserve(std::min<size_t>(ids.size(), Writer::kMaxSlice));
  }

  // With the lock held. Needs no memory that is not there, save for the journal, which does without.
  void commit(int64_t first, int64_t count) noexcept {
    replaced_.clear();
    first_ = first;
    first_row_ = rows_.rows();
    count_ = count;
    for (int64_t i = first; i < first + count; i++) {
      const int64_t id = ids_[static_cast<size_t>(i)];
      const int64_t old = rows_.find(id);
      if (old >= 0) {
        rows_.kill(old);
        replaced_.emplace_back(old, rows_.rows());
        replaced_in_all_++;
      }
      rows_.append(id);
      if (journal_ != nullptr) journal_->touch(id);
    }
    committed_ += count;
  }

  // With the lock held, when an append has thrown: rows of its last slice that could not be linked are dead or cut
  // off. What they were to replace lives again.
  void take_back() noexcept {
    auto lives = [&](int64_t row) { return row < rows_.rows() && !rows_.is_dead(row); };
    for (int64_t row = first_row_; row < first_row_ + count_; row++) {
      if (!lives(row)) committed_--;
    }
    // The latest first: of an id that came several times, only the row from before the slice can be had again.
    for (auto pair = replaced_.rbegin(); pair != replaced_.rend(); ++pair) {
      const auto [old, fresh] = *pair;
      if (old >= first_row_) {
        committed_++;  // dead because its id came again
        continue;
      }
      if (lives(fresh) || rows_.find(rows_.id(old)) >= 0) continue;
      rows_.revive(old);
      replaced_in_all_--;
    }
    for (int64_t i = first_; i < first_ + count_ && journal_ != nullptr; i++) {
      journal_->touch(ids_[static_cast<size_t>(i)]);
    }
  }

  int64_t committed() const { return committed_; }
  int64_t replaced() const { return replaced_in_all_; }

 private:
  RowIds& rows_;
  Journal* journal_;
  const std::vector<int64_t>& ids_;
  std::vector<std::pair<int64_t, int64_t>> replaced_;  // in the last slice: the old row, the new one
  int64_t first_ = 0;                                  // of the last slice: its first vector, its first row, its size
  int64_t first_row_ = 0;
  int64_t count_ = 0;
  int64_t committed_ = 0;
  int64_t replaced_in_all_ = 0;
};

[[noreturn]] void rethrow_add_failure(int64_t done, int64_t n) {
  if (done == 0) throw;
  const std::string stay = std::to_string(done) + " of " + std::to_string(n) + " vectors are in the index and stay.";
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw Error(code::kOutOfMemory, "The memory ran out during the add; " + stay, std::to_string(n) + " vectors",
                std::to_string(done));
  } catch (const faiss::FaissException& error) {
    throw Error(code::kFaiss, "FAISS failed during the add (" + error.msg + "); " + stay,
                std::to_string(n) + " vectors", std::to_string(done));
  }
}

}  // namespace

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

void IndexState::check_room_for_rows(int64_t n) const {
  const int64_t rows = body_.rows.rows();
  if (rows <= RowIds::kMaxRows - n) return;
  throw Error(code::kRange,
              "An index holds at most 2,147,483,647 vectors, removed ones that were not compacted included; this one "
              "would hold " +
                  std::to_string(rows + n) + ". Split the vectors over several indexes.",
              "<= 2147483647", std::to_string(rows + n));
}

void IndexState::check_memory(int64_t vectors) const {
  const auto n = static_cast<uint64_t>(vectors);
  const auto rows = static_cast<uint64_t>(body_.rows.rows()) + n;
  uint64_t need = n * 16;
  for (auto* codes : all_codes(body_.index.get())) {
    const auto& data = codes->codes;
    need += to_grow(rows * codes->code_size, data.size(), data.is_owned ? data.owned_data.capacity() : 0);
  }
  if (const auto* graph = as_hnsw(base_of(body_.index.get()))) {
    const auto& links = graph->hnsw.neighbors;
    const uint64_t link_bytes = sizeof(faiss::HNSW::storage_idx_t);
    const uint64_t more = n * static_cast<uint64_t>(graph->hnsw.cum_nneighbor_per_level[1] + 2);
    need += link_bytes * to_grow(links.size() + more, links.size(), links.is_owned ? links.owned_data.capacity() : 0);
  }
  if (const auto* lists = as_ivf(base_of(body_.index.get()))) need += n * (lists->code_size + sizeof(int64_t));
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
  check_room_for_rows(n);
  check_memory(n);
  if (spec_.metric == Metric::kCosine) vectors.normalize();
  if (shape_.limit < kMaxSquaredNorm) vectors.check(shape_.limit);
  AddOutcome outcome;
  if (ids) {
    outcome.ids = std::move(*ids);
  } else {
    outcome.ids.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; i++) outcome.ids[static_cast<size_t>(i)] = body_.rows.next_id() + i;
  }
  const int64_t done = add_pieces(vectors, ticket, outcome);
  if (done < n) {
    throw Error(code::kAborted,
                "The add was aborted after " + std::to_string(done) + " of " + std::to_string(n) +
                    " vectors; those stay in the index.",
                std::to_string(n) + " vectors", std::to_string(done));
  }
  return outcome;
}

int64_t IndexState::add_pieces(Staging& vectors, const Ticket& ticket, AddOutcome& outcome) {
  const auto n = static_cast<int64_t>(vectors.size());
  bool named = false;
  for (int64_t i = 0; i < n && !named; i++) named = outcome.ids[static_cast<size_t>(i)] != body_.rows.rows() + i;
  const auto running = journal();
  Registration registration(body_.rows, running.get(), outcome.ids, named);
  Writer writer(body_, lock_, ticket, Executor::instance().threads());
  int64_t done = 0;
  writer.on_slice = [&](int64_t in_piece) { ticket.report("add", done + in_piece, n); };
  auto settle = [&] {
    outcome.replaced = registration.replaced();
    outcome.added = registration.committed() - registration.replaced();
    if (outcome.replaced > 0) sweep();
    derive_codes(body_, &lock_);
    changed();
  };
  try {
    writer.reserve(n, named);
    for (size_t piece = 0; piece < vectors.pieces() && !ticket.aborted(); piece++) {
      const auto size = static_cast<int64_t>(vectors.piece_size(piece));
      done += writer.append(size, vectors.piece(piece), [&](int64_t first, int64_t count) {
        registration.commit(done + first, count);
        generation_++;
        count_ = body_.rows.live();
      });
      vectors.release(piece);
    }
  } catch (...) {
    {
      std::lock_guard<FairLock> hold(lock_);
      registration.take_back();
      // Also where there is no memory left to publish more.
      generation_++;
      count_ = body_.rows.live();
    }
    settle();
    rethrow_add_failure(registration.committed(), n);
  }
  settle();
  return done;
}

}  // namespace quiver
