#include "core/index_state.h"

#include <malloc.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/compactor.h"
#include "core/error.h"
#include "core/faiss_file.h"
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

// Among equal distances the lower id comes first.
void order_ties(int64_t k, int64_t* ids, float* distances) {
  for (int64_t i = 0; i + 1 < k; i++) {
    if (distances[i] != distances[i + 1] || ids[i + 1] < 0) continue;
    int64_t end = i + 2;
    while (end < k && distances[end] == distances[i] && ids[end] >= 0) end++;
    std::sort(ids + i, ids + end);
    i = end - 1;
  }
}

}  // namespace

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
  return std::shared_ptr<IndexState>(new IndexState(std::move(body), std::move(info)));
}

void IndexState::check_usable() const {
  if (freed_) throw Error(code::kClosed, "The index is closed.", "an open index", "a closed one");
  if (damaged_) {
    std::lock_guard<std::mutex> guard(small_);
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

void IndexState::set_note(std::string note) {
  std::lock_guard<std::mutex> guard(small_);
  note_ = std::move(note);
}

SnapshotInfo IndexState::info() const { return SnapshotInfo{spec_, bigint_ids_, generation_, note()}; }

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
  std::lock_guard<std::mutex> guard(small_);
  stats_ = std::move(stats);
}

void IndexState::changed() {
  generation_++;
  publish();
}

// --- reading

void IndexState::search(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const {
  SharedHold hold(lock_);
  answer(n, x, options, ids, distances);
}

bool IndexState::try_search(int64_t n, const float* x, const SearchOptions& options, int64_t* ids,
                            float* distances) const {
  if (!lock_.try_lock_shared()) return false;
  SharedHold hold(lock_, std::adopt_lock);
  answer(n, x, options, ids, distances);
  return true;
}

void IndexState::answer(int64_t n, const float* x, const SearchOptions& options, int64_t* ids, float* distances) const {
  check_usable();
  std::vector<float> normalized;
  if (spec_.metric == Metric::kCosine) {
    normalized.assign(x, x + n * spec_.dim);
    normalize_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), normalized.data());
    x = normalized.data();
  }
  std::shared_ptr<const RowSet> allowed;
  if (options.filter) allowed = options.filter->rows(body_.rows);
  Searcher(*body_.index, shape_, body_.rows, allowed.get()).search(n, x, options, ids, distances);
  for (int64_t i = 0; i < n * options.k; i++) {
    if (ids[i] >= 0) ids[i] = body_.rows.id(ids[i]);
    if (spec_.metric == Metric::kCosine && ids[i] >= 0) distances[i] = std::clamp(distances[i], -1.0f, 1.0f);
  }
  for (int64_t q = 0; q < n; q++) order_ties(options.k, ids + q * options.k, distances + q * options.k);
}

void IndexState::search_with_helpers(int64_t n, const float* x, const SearchOptions& options, int64_t* ids,
                                     float* distances) {
  constexpr int64_t kMinSlice = 32, kMaxSlice = 1024;
  const int threads = options.threads > 0 ? std::min(options.threads, Executor::instance().threads())
                                          : Executor::instance().threads();
  omp_set_num_threads(1);
  if (threads == 1 || n <= kMinSlice) {
    search(n, x, options, ids, distances);
    return;
  }
  struct Shared {
    std::atomic<int64_t> next{0};
    std::mutex mutex;
    std::condition_variable all_out;
    int inside = 0;
    std::exception_ptr error;
  };
  auto shared = std::make_shared<Shared>();
  const int64_t slice = std::clamp((n + threads * 2 - 1) / (threads * 2), kMinSlice, kMaxSlice);
  // A helper that starts after the end finds nothing left and touches no memory of the caller.
  auto help = [this, shared, n, x, slice, ids, distances, &options] {
    {
      std::lock_guard<std::mutex> guard(shared->mutex);
      if (shared->next >= n) return;
      shared->inside++;
    }
    try {
      for (int64_t from; (from = shared->next.fetch_add(slice)) < n;) {
        const int64_t count = std::min(slice, n - from);
        search(count, x + from * dim(), options, ids + from * options.k, distances + from * options.k);
      }
    } catch (...) {
      std::lock_guard<std::mutex> guard(shared->mutex);
      if (!shared->error) shared->error = std::current_exception();
      shared->next = n;
    }
    std::lock_guard<std::mutex> guard(shared->mutex);
    if (--shared->inside == 0) shared->all_out.notify_all();
  };
  for (int i = 1; i < threads; i++) {
    Executor::instance().post_interactive(make_task([self = shared_from_this(), help] { help(); }));
  }
  help();
  std::unique_lock<std::mutex> guard(shared->mutex);
  shared->all_out.wait(guard, [&] { return shared->inside == 0; });
  if (shared->error) std::rethrow_exception(shared->error);
}

IdRangeHits IndexState::range(int64_t n, const float* x, float radius, int nprobe, const Filter* filter) const {
  SharedHold hold(lock_);
  check_usable();
  check_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), x);
  std::vector<float> normalized;
  if (spec_.metric == Metric::kCosine) {
    normalized.assign(x, x + n * spec_.dim);
    normalize_vectors(static_cast<size_t>(n), static_cast<size_t>(spec_.dim), normalized.data());
    x = normalized.data();
  }
  std::shared_ptr<const RowSet> allowed;
  if (filter != nullptr) allowed = filter->rows(body_.rows);
  RangeHits rows = Searcher(*body_.index, shape_, body_.rows, allowed.get()).range(n, x, radius, nprobe);
  IdRangeHits hits{std::move(rows.offsets), std::move(rows.rows), std::move(rows.distances)};
  const bool descending = is_similarity(spec_.metric);
  std::vector<std::pair<float, int64_t>> row;
  for (int64_t q = 0; q < n; q++) {
    row.clear();
    for (size_t i = hits.offsets[q]; i < hits.offsets[q + 1]; i++) {
      const float d = spec_.metric == Metric::kCosine ? std::clamp(hits.distances[i], -1.0f, 1.0f) : hits.distances[i];
      row.emplace_back(descending ? -d : d, body_.rows.id(hits.ids[i]));
    }
    std::sort(row.begin(), row.end());
    for (size_t i = 0; i < row.size(); i++) {
      hits.distances[hits.offsets[q] + i] = descending ? -row[i].first : row[i].first;
      hits.ids[hits.offsets[q] + i] = row[i].second;
    }
  }
  return hits;
}

std::vector<uint8_t> IndexState::has(const std::vector<int64_t>& ids) const {
  SharedHold hold(lock_);
  check_usable();
  std::vector<uint8_t> present(ids.size());
  for (size_t i = 0; i < ids.size(); i++) present[i] = body_.rows.find(ids[i]) >= 0 ? 1 : 0;
  return present;
}

std::vector<int64_t> IndexState::ids() const {
  SharedHold hold(lock_);
  check_usable();
  std::vector<int64_t> all = body_.rows.live_rows();
  for (auto& row : all) row = body_.rows.id(row);
  return all;
}

std::optional<std::vector<float>> IndexState::get(const std::vector<int64_t>& ids) const {
  SharedHold hold(lock_);
  check_usable();
  const auto* lists = as_ivf(base_of(body_.index.get()));
  if (lists != nullptr && lists->direct_map.no()) return std::nullopt;
  std::vector<float> vectors(ids.size() * static_cast<size_t>(spec_.dim));
  for (size_t i = 0; i < ids.size(); i++) {
    const int64_t row = body_.rows.find(ids[i]);
    if (row < 0) {
      throw Error(code::kNotFound, "There is no vector with the id " + std::to_string(ids[i]) + ".", "an id in the index",
                  std::to_string(ids[i]));
    }
    reconstruct_row(*body_.index, row, vectors.data() + i * static_cast<size_t>(spec_.dim));
  }
  return vectors;
}

// --- writing

void IndexState::prepare_get() {
  check_usable();
  auto* lists = as_ivf(base_of(body_.index.get()));
  if (lists == nullptr || !lists->direct_map.no()) return;
  std::lock_guard<FairLock> hold(lock_);
  lists->make_direct_map(true);
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
                "Training needs at least as many vectors as lists: nlist is " + std::to_string(lists->nlist) + ", but " +
                    std::to_string(vectors.size()) + " vectors came. Give more vectors or a smaller nlist.",
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
  if (spec) {
    std::lock_guard<FairLock> hold(lock_);
    body_.index.swap(fresh);
    shape_ = Shape(body_.index.get());
    body_.factory = spec->factory;
    spec_.factory = spec->factory;
  }
  changed();
}

void IndexState::check_ids_before_add(const std::vector<int64_t>& ids, bool refuse_existing) const {
  for (int64_t id : ids) {
    if (id < 0) throw Error(code::kRange, "An id must be 0 or more: -1 marks empty places.", ">= 0", std::to_string(id));
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
  throw Error(code::kRange,
              "No ids are left above the highest in the index (" + std::to_string(next - 1) +
                  "); give ids of your own.",
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
                "This kind of index (" + body_.factory + ") must be trained first: call train() with a sample of "
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
    throw Error(code::kAborted, "The call was aborted; " + std::to_string(removed) + " vectors were removed until then.",
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

// --- background

void IndexState::background_began() {
  std::lock_guard<std::mutex> guard(small_);
  background_++;
}

void IndexState::background_ended() {
  std::vector<std::function<void()>> waiting;
  {
    std::lock_guard<std::mutex> guard(small_);
    if (--background_ > 0) return;
    waiting.swap(when_quiet_);
  }
  for (auto& done : waiting) done();
}

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

void IndexState::verify_in_background(Snapshot snapshot) {
  background_began();
  auto kept = std::make_shared<Snapshot>(std::move(snapshot));
  Executor::instance().post_bulk(make_task([self = shared_from_this(), kept] {
    try {
      kept->verify(Executor::instance().threads(), false, Ticket());
    } catch (const Error& error) {
      if (error.code == code::kCorrupt) {
        std::lock_guard<std::mutex> guard(self->small_);
        self->damage_ = error;
        self->damaged_ = true;
      }
    }
    self->background_ended();
  }));
}

void IndexState::rebuild(std::optional<Spec> spec, std::shared_ptr<Ticket> ticket,
                         std::function<void(std::exception_ptr)> done) {
  background_began();
  Rebuild::start(shared_from_this(), std::move(spec), std::move(ticket),
                 [self = shared_from_this(), done = std::move(done)](std::exception_ptr error) {
                   done(error);
                   self->background_ended();
                 });
}

void IndexState::free() {
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
  }
  gone = Body();
  // glibc keeps freed memory for later; a closed index gives it back.
  malloc_trim(0);
}

}  // namespace quiver
