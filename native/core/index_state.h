// One index: the FAISS objects, the ids of their rows and the lock between readers and the writer.
//
// Reading functions may be called from any thread at any time. Writing functions are called one at a time, from tasks
// of `strand`; they hold the lock for short slices only. Nothing here knows Node.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/body.h"
#include "core/coalescer.h"
#include "core/executor.h"
#include "core/fair_lock.h"
#include "core/journal.h"
#include "core/searcher.h"
#include "core/snapshot.h"
#include "core/ticket.h"
#include "core/vectors.h"

namespace quiver {

struct AddOutcome {
  std::vector<int64_t> ids;  // one for each vector that was taken, in order
  int64_t added = 0;
  int64_t replaced = 0;
};

// What stats() shows. Published whole after each change, so that reading it takes no lock a writer holds.
struct Stats {
  int64_t count = 0;
  int64_t deleted = 0;
  bool trained = false;
  bool mapped = false;
  bool implicit_ids = true;
  uint64_t generation = 0;
  size_t bytes = 0;
  size_t derived_bytes = 0;
  std::string factory;
  std::string kind;
  int m = 0;
  int ef_construction = 0;
  int ef_search = 0;
  int64_t nlist = 0;
  int64_t nprobe = 0;
};

struct IdRangeHits {
  std::vector<size_t> offsets;
  std::vector<int64_t> ids;
  std::vector<float> distances;
};

class IndexState : public std::enable_shared_from_this<IndexState> {
 public:
  static std::shared_ptr<IndexState> create(const Spec& spec, bool bigint_ids, std::string note);
  static std::shared_ptr<IndexState> from_body(Body body, SnapshotInfo info);

  const Spec& spec() const { return spec_; }
  int64_t dim() const { return spec_.dim; }
  bool bigint_ids() const { return bigint_ids_; }
  // What a search can return now: it goes with every slice of a write, while stats() shows the last whole one.
  int64_t count() const { return count_.load(std::memory_order_relaxed); }
  std::shared_ptr<const Stats> stats() const;
  std::string note() const;
  void set_note(std::string note);

  // --- reading
  // n * k ids (-1 in empty places) and distances, best first, ties by lower id. Vectors are already checked.
  void search(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const;
  // As search, but false at once when a writer is at work: for the thread that must not wait.
  bool try_search(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const;
  // How many queries one hold of the lock may answer: for so long a writer waits, and with it new searches.
  int64_t share_limit(const SearchOptions& options) const;
  // Whether threads share such a search of n queries by its rows (SearchOptions::crew) rather than by its queries.
  bool searched_by_rows(int64_t n, const SearchOptions& options) const;
  // Splits a batch over the interactive lane and takes part itself.
  void search_with_helpers(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances);
  IdRangeHits range(int64_t n, const float* x, float radius, int nprobe, const Filter* filter) const;
  std::vector<uint8_t> has(const std::vector<int64_t>& ids) const;
  std::vector<int64_t> ids() const;
  // count * dim floats, or nothing when the index must first be made readable by row (prepare_get, a write).
  std::optional<std::vector<float>> get(const std::vector<int64_t>& ids) const;

  // --- writing, on the strand
  void prepare_get();
  // With a spec, the (empty) index is made anew by it first.
  void train(Staging vectors, const std::optional<Spec>& spec, const Ticket& ticket);
  AddOutcome add(Staging vectors, std::optional<std::vector<int64_t>> ids, bool refuse_existing, const Ticket& ticket);
  int64_t remove(const std::vector<int64_t>& ids, const Ticket& ticket);
  void reset();
  void set_parameters(int ef_construction, int ef_search, int nprobe);
  uint64_t save(const std::string& path, const Ticket& ticket);
  std::vector<uint8_t> to_bytes(const Ticket& ticket);
  uint64_t export_faiss(const std::string& path, const Ticket& ticket);
  std::vector<uint8_t> export_faiss_bytes(const Ticket& ticket);
  // Shows `read` the index with live rows only: itself, or a copy where some are dead. It stays as it is meanwhile, as
  // all that changes it runs on the strand; searches go on.
  void read_live(const Ticket& ticket, const std::function<void(const Body&)>& read);

  // --- background
  // Makes the index anew by `spec` (null: as it is, without its dead rows) beside the running one and swaps it in.
  // Searches and writes go on meanwhile. `done` gets the error, or null.
  void rebuild(std::optional<Spec> spec, std::shared_ptr<Ticket> ticket, std::function<void(std::exception_ptr)> done);
  // Checks the blocks of a mapped snapshot; a damaged one makes every later call fail with E_CORRUPT.
  void verify_in_background(Snapshot snapshot);
  // Does so now when it is not done yet: damage must not be written out again under fresh checksums.
  void verify_first(const Ticket& ticket);
  // Makes the codes that a graph is searched by, if it has none and suits. Until then FAISS searches it.
  void derive_in_background();
  // The same for an index whose vectors stay in a file, which has codes only when they are asked for.
  void want_codes() {
    codes_wanted_ = true;
    derive_in_background();
  }
  // Calls `done` when no background work is left.
  void when_quiet(std::function<void()> done);

  // --- life
  void open_handle() { handles_.fetch_add(1); }
  // False when the last handle is gone: what was freed, or soon will be, cannot be opened again.
  bool open_another_handle();
  // True when this was the last handle: the caller then posts free() to the strand.
  bool close_handle() {
    const bool last = handles_.fetch_sub(1) == 1;
    if (last) closing_ = true;
    return last;
  }
  void free();

  std::shared_ptr<Strand> strand = std::make_shared<Strand>();
  Coalescer coalescer{*this};

 private:
  friend class Rebuild;
  class Background;
  IndexState(Body body, SnapshotInfo info);
  void check_usable() const;
  void verify(const Snapshot& snapshot, const Ticket& ticket);
  void answer(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const;
  void check_ids_before_add(const std::vector<int64_t>& ids, bool refuse_existing) const;
  void check_room_for_ids(int64_t n) const;
  void check_room_for_rows(int64_t n) const;
  void check_memory(int64_t vectors) const;
  // How many vectors got in. Registers their ids, sweeps and publishes, also when it throws.
  int64_t add_pieces(Staging& vectors, const Ticket& ticket, AddOutcome& outcome);
  std::shared_ptr<Journal> journal() const;
  void changed();
  void publish();
  void sweep();
  // Exact searches of plain vectors gain by codes: from so many on, these are made in the background.
  void ask_for_codes(int64_t n, const SearchOptions& options) const;
  // One slice of that, a task of the strand; posts the next one.
  void derive_exact(const std::shared_ptr<Background>& work);
  bool derive_exact_slice();
  void start_rebuild(std::optional<Spec> spec, std::shared_ptr<Ticket> ticket, bool sweep,
                     std::function<void(std::exception_ptr)> done);
  // Keeps `call` until the sweep that runs has ended; false when none does.
  bool after_sweep(std::function<void()> call);
  void write_live(Sink& sink, const Ticket& ticket);
  SnapshotInfo info() const;

  Spec spec_;
  bool bigint_ids_;
  Body body_;
  Shape shape_;  // of body_.index; changes with it, under the lock
  mutable FairLock lock_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> count_{0};
  std::atomic<bool> exhaustive_{false};            // a search looks at every vector
  std::atomic<bool> plain_{false};                 // whole vectors by row, none of them dead
  mutable std::atomic<int64_t> exact_asked_{0};    // queries since codes were last made, or tried
  mutable std::atomic<bool> exact_posted_{false};  // they are being made
  int64_t next_exact_ = 0;                         // fewer rows did not gain; under the lock
  std::atomic<int> handles_{0};
  std::atomic<bool> codes_wanted_{false};
  std::atomic<bool> closing_{false};
  std::atomic<bool> freed_{false};

  mutable std::mutex small_;  // guards what follows; held for moments
  std::shared_ptr<const Stats> stats_;
  std::string note_;
  std::optional<Error> damage_;
  std::shared_ptr<const Snapshot> unverified_;
  int background_ = 0;
  std::vector<std::function<void()>> when_quiet_;
  std::shared_ptr<Journal> journal_;  // there while a rebuild runs
  bool sweeping_ = false;
  std::vector<std::function<void()>> after_sweep_;
  std::atomic<bool> damaged_{false};
  Ticket verifying_;  // cancelled by free(): nobody asks any more
};

}  // namespace quiver
