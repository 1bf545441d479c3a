#include "core/index_state.h"

#include <faiss/IndexFlat.h>
#include <malloc.h>

#include <mutex>
#include <new>
#include <utility>

#include "core/background.h"
#include "core/error.h"
#include "core/rebuild.h"

namespace quiver {

IndexState::IndexState(Body body, SnapshotInfo info)
    : spec_(std::move(info.spec)), bigint_ids_(info.bigint_ids), body_(std::move(body)), note_(std::move(info.note)) {
  generation_ = info.generation;
  shape_ = Shape(body_.index.get());
  publish();
}

std::shared_ptr<IndexState> IndexState::create(const Spec& spec, bool bigint_ids, std::string note) {
  Body body;
  body.index = make_index(spec);
  body.factory = spec.factory;
  return from_body(std::move(body), SnapshotInfo{spec, bigint_ids, 0, std::move(note)});
}

std::shared_ptr<IndexState> IndexState::from_body(Body body, SnapshotInfo info) {
  std::shared_ptr<IndexState> state(new IndexState(std::move(body), std::move(info)));
  const Body& its = state->body_;
  // A mapped file stays on disk until a search needs a page of it.
  if (!its.region || !its.region->mapped()) state->derive_in_background();
  return state;
}

void IndexState::check_usable() const {
  if (freed_) throw Error(code::kClosed, "The index is closed.", "an open index", "a closed one");
  if (damaged_) {
    std::lock_guard<std::mutex> guard(small_);
    // NOLINTNEXTLINE(misc-throw-by-value-catch-by-reference): it is kept for every call to come.
    throw *damage_;
  }
}

std::shared_ptr<const Stats> IndexState::stats() const {
  std::lock_guard<std::mutex> guard(small_);
  return stats_;
}

std::string IndexState::note() const {
  std::lock_guard<std::mutex> guard(small_);
  return note_;
}

std::shared_ptr<Journal> IndexState::journal() const {
  std::lock_guard<std::mutex> guard(small_);
  return journal_;
}

void IndexState::set_note(std::string note) {
  std::lock_guard<std::mutex> guard(small_);
  note_ = std::move(note);
}

SnapshotInfo IndexState::info() const {
  return SnapshotInfo{spec_, bigint_ids_, generation_, note()};
}

void IndexState::publish() {
  auto stats = std::make_shared<Stats>();
  const faiss::Index* base = base_of(body_.index.get());
  stats->count = body_.rows.live();
  stats->deleted = body_.rows.dead();
  stats->trained = body_.index->is_trained;
  stats->mapped = body_.region && body_.region->mapped();
  stats->implicit_ids = body_.rows.implicit();
  stats->generation = generation_;
  stats->bytes = body_.bytes();
  stats->derived_bytes = body_.derived_bytes();
  stats->factory = body_.factory;
  stats->kind = kind_of(body_.index.get());
  if (const auto* graph = as_hnsw(base)) {
    stats->m = graph->hnsw.cum_nneighbor_per_level.size() > 1 ? graph->hnsw.cum_nneighbor_per_level[1] / 2 : 0;
    stats->ef_construction = graph->hnsw.efConstruction;
    stats->ef_search = graph->hnsw.efSearch;
  }
  if (const auto* lists = as_ivf(base)) {
    stats->nlist = static_cast<int64_t>(lists->nlist);
    stats->nprobe = static_cast<int64_t>(lists->nprobe);
  }
  count_ = stats->count;
  exhaustive_ = as_codes(base) != nullptr;
  const faiss::Index* vectors = shape_.graph != nullptr ? shape_.graph->storage : body_.index.get();
  plain_ = dynamic_cast<const faiss::IndexFlat*>(vectors) != nullptr && body_.rows.dead() == 0;
  std::lock_guard<std::mutex> guard(small_);
  stats_ = std::move(stats);
}

void IndexState::changed() {
  generation_++;
  publish();
}

// --- background

void IndexState::when_quiet(std::function<void()> done) {
  {
    std::lock_guard<std::mutex> guard(small_);
    if (background_ > 0) {
      when_quiet_.push_back(std::move(done));
      return;
    }
  }
  done();
}

void IndexState::verify(const Snapshot& snapshot, const Ticket& ticket) {
  try {
    snapshot.verify(Executor::instance().threads(), false, ticket);
  } catch (const Error& error) {
    if (error.is(code::kCorrupt)) {
      std::lock_guard<std::mutex> guard(small_);
      damage_ = error;
      damaged_ = true;
    }
    throw;
  }
  std::lock_guard<std::mutex> guard(small_);
  unverified_.reset();
}

void IndexState::verify_in_background(Snapshot snapshot) {
  auto work = std::make_shared<Background>(*this);
  auto kept = std::make_shared<const Snapshot>(std::move(snapshot));
  {
    std::lock_guard<std::mutex> guard(small_);
    unverified_ = kept;
  }
  Executor::instance().post_bulk(make_task([self = shared_from_this(), kept, work = std::move(work)] {
    try {
      self->verify(*kept, self->verifying_);
    } catch (const Error&) {
      // Damage is kept for the calls to come; else nobody asks any more.
    } catch (const std::bad_alloc&) {
      // Nothing was found out. The next open checks again.
    }
  }));
}

void IndexState::derive_in_background() {
  if (!body_.wants_codes()) return;
  strand->post(make_task([self = shared_from_this(), work = std::make_shared<Background>(*this)] {
    if (self->freed_) return;
    derive_codes(self->body_, &self->lock_, [&] { return self->closing_ || shutting_down(); });
    self->publish();
  }));
}

void IndexState::verify_first(const Ticket& ticket) {
  check_usable();
  std::shared_ptr<const Snapshot> left;
  {
    std::lock_guard<std::mutex> guard(small_);
    left = unverified_;
  }
  if (left) verify(*left, ticket);
}

void IndexState::rebuild(std::optional<Spec> spec, std::shared_ptr<Ticket> ticket,
                         std::function<void(std::exception_ptr)> done) {
  start_rebuild(std::move(spec), std::move(ticket), false, std::move(done));
}

void IndexState::start_rebuild(std::optional<Spec> spec, std::shared_ptr<Ticket> ticket, bool sweep,
                               std::function<void(std::exception_ptr)> done) {
  Rebuild::start(shared_from_this(), std::move(spec), std::move(ticket), sweep,
                 [work = std::make_shared<Background>(*this), done = std::move(done)](std::exception_ptr error) {
                   done(std::move(error));
                 });
}

bool IndexState::open_another_handle() {
  int open = handles_.load();
  while (open > 0 && !handles_.compare_exchange_weak(open, open + 1)) {
  }
  return open > 0;
}

void IndexState::free() {
  verifying_.cancel();
  Body gone;
  {
    std::lock_guard<FairLock> hold(lock_);
    freed_ = true;
    std::swap(gone, body_);
  }
  count_ = 0;
  {
    std::lock_guard<std::mutex> guard(small_);
    stats_ = std::make_shared<const Stats>();
    unverified_.reset();
  }
  gone = Body();
  // glibc keeps freed memory for later; a closed index gives it back.
  malloc_trim(0);
}

}  // namespace quiver
