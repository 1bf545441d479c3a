#include <limits>

#include "core/structure_check.h"
#include "test/failing_memory.h"
#include "test/known_vectors.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 8;

// An index that opened a snapshot of another: all its memory is a view.
std::shared_ptr<IndexState> reopened(const std::shared_ptr<IndexState>& index, const std::string& path) {
  on_strand(index, [&] { index->save(path, Ticket()); });
  Loaded loaded = Snapshot::open(path, true, Ticket()).load();
  return IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
}

TEST(IndexAdd, GivesIdsThatCountOn) {
  Random random(121);
  const auto x = random.vectors(10, kDim);
  const auto index = index_of("Flat", kDim, {});
  EXPECT_EQ(add_to(index, x).ids, counting(10));
  EXPECT_TRUE(index->stats()->implicit_ids);
  AddOutcome outcome = add_to(index, x, std::vector<int64_t>{100, 5, 101, 6, 102, 7, 103, 8, 104, 9});
  EXPECT_EQ(outcome.added, 5);
  EXPECT_EQ(outcome.replaced, 5);
  EXPECT_EQ(index->count(), 15);
  EXPECT_EQ(add_to(index, x).ids[0], 105) << "one past the highest";
}

TEST(IndexAdd, ReplacesVectorsOfEveryKind) {
  for (const auto& factory : kinds()) {
    if (factory == "LSH") continue;  // gives no vectors back
    SCOPED_TRACE(factory);
    Random random(122);
    const auto x = random.vectors(600, kDim);
    const auto index = index_of(factory, kDim, x);
    Known known(kDim);
    known.put(counting(600), x);
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < 100; i++) ids.push_back(i * 9);  // some are new
    const auto more = random.vectors(100, kDim);
    const AddOutcome outcome = add_to(index, more, ids);
    EXPECT_EQ(outcome.replaced, 67);
    EXPECT_EQ(outcome.added, 33);
    known.put(ids, more);
    settle(index);
    const bool exact = factory == "Flat" || factory == "HNSW16" || factory == "IVF8,Flat";
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, exact));
  }
}

TEST(IndexAdd, AnIdThatComesTwiceKeepsTheLaterVector) {
  for (const std::string factory : {"Flat", "HNSW8"}) {
    Random random(123);
    const auto x = random.vectors(3, kDim);
    const auto index = index_of(factory, kDim, {});
    const AddOutcome outcome = add_to(index, x, std::vector<int64_t>{5, 5, 5});
    EXPECT_EQ(outcome.added, 1);
    EXPECT_EQ(outcome.replaced, 2);
    Known known(kDim);
    known.put(5, x.data() + 2 * kDim);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
  }
}

TEST(IndexAdd, RefusesBadCallsBeforeAnythingIsDone) {
  Random random(124);
  const auto index = index_of("Flat", kDim, random.vectors(5, kDim));
  const auto two = random.vectors(2, kDim);
  auto add = [&](const std::vector<float>& x, std::vector<int64_t> ids, bool refuse_existing) {
    return code_of([&] { on_strand(index, [&] { index->add(staged(x, kDim), ids, refuse_existing, Ticket()); }); });
  };
  EXPECT_EQ(add(two, {9, -1}, false), code::kRange);
  EXPECT_EQ(add(two, {9, 4}, true), code::kExists);
  EXPECT_EQ(add(two, {9, 9}, true), code::kExists) << "twice in one call";
  auto bad = two;
  bad[kDim + 1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(add(bad, {8, 9}, false), code::kNotFinite);
  bad[kDim + 1] = 1e20f;
  EXPECT_EQ(add(bad, {8, 9}, false), code::kNotFinite);
  EXPECT_EQ(index->count(), 5);
  const auto untrained = IndexState::create(spec_of("IVF8,Flat", kDim), false, "");
  EXPECT_EQ(code_of([&] { add_to(untrained, two); }), code::kNotTrained);
}

TEST(IndexAdd, RefusesIdsThatCouldNotCountOn) {
  const std::vector<float> one(kDim, 1.0f);
  constexpr int64_t kSafe = (int64_t{1} << 53) - 1, kLargest = std::numeric_limits<int64_t>::max();
  for (const bool bigint : {false, true}) {
    const auto index = IndexState::create(spec_of("Flat", kDim), bigint, "");
    add_to(index, one, std::vector<int64_t>{bigint ? kLargest - 1 : kSafe - 1});
    EXPECT_EQ(code_of([&] { add_to(index, std::vector<float>(2 * kDim, 1.0f)); }), code::kRange);
    add_to(index, one, std::vector<int64_t>{bigint ? kLargest : kSafe});
    EXPECT_EQ(code_of([&] { add_to(index, one); }), code::kRange);
    EXPECT_EQ(add_to(index, one, std::vector<int64_t>{3}).ids[0], 3) << "ids of one's own still work";
  }
}

// FAISS's graphs count rows in 32 bits, and so do we.
TEST(IndexAdd, RefusesMoreRowsThanCanBeCounted) {
  for (const std::string factory : {"Flat", "HNSW8"}) {
    Body body;
    body.factory = factory;
    body.index = make_index(spec_of(factory, kDim));
    const int64_t rows = RowIds::kMaxRows - 2;
    body.rows =
        RowIds::restore(rows, {}, {}, rows);  // as if they were there: the check comes before any of them is used
    SnapshotInfo info;
    info.spec = spec_of(factory, kDim);
    const auto index = IndexState::from_body(std::move(body), info);
    EXPECT_EQ(code_of([&] { add_to(index, std::vector<float>(3 * kDim, 1.0f)); }), code::kRange) << factory;
    EXPECT_EQ(index->count(), rows);
  }
}

TEST(IndexAdd, AnAbortedAddKeepsWhatItSays) {
  Random random(125);
  const auto x = random.vectors(4000, kDim);
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat", "IVF8,PQ4x4fs", "PCA4,Flat"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, std::vector<float>(x.begin(), x.begin() + 500 * kDim));
    Ticket ticket;
    ticket.on_progress = [&](const char*, int64_t done, int64_t) {
      if (done > 600) ticket.cancel();
    };
    int64_t kept = -1;
    try {
      add_to(index, x, std::nullopt, ticket);
    } catch (const Error& error) {
      EXPECT_STREQ(error.code, code::kAborted);
      EXPECT_EQ(error.expected, "4000 vectors");
      kept = std::stoll(error.actual);
    }
    EXPECT_GT(kept, 600);
    EXPECT_LT(kept, 4000);
    EXPECT_EQ(index->count(), 500 + kept);
    EXPECT_EQ(index->stats()->count, 500 + kept);
    EXPECT_EQ(index->ids().size(), static_cast<size_t>(500 + kept));
  }
}

TEST(IndexAdd, WritesToAnOpenedIndexOfEveryKind) {
  const Folder folder;
  for (const auto& factory : kinds()) {
    SCOPED_TRACE(factory);
    Random random(126);
    const auto x = random.vectors(600, kDim), more = random.vectors(30, kDim);
    const auto original = index_of(factory, kDim, x);
    // Each write as the first one.
    const auto added = reopened(original, folder.path("a"));
    EXPECT_TRUE(added->stats()->mapped);
    add_to(added, more);
    EXPECT_EQ(added->count(), 630);
    const auto replaced = reopened(original, folder.path("a"));
    add_to(replaced, more, counting(30));
    const auto removed = reopened(original, folder.path("a"));
    remove_from(removed, {0, 5, 599});
    EXPECT_EQ(removed->count(), 597);
    const auto emptied = reopened(original, folder.path("a"));
    on_strand(emptied, [&] { emptied->reset(); });
    add_to(emptied, more);
    EXPECT_EQ(emptied->count(), 30);
    if (factory == "LSH") continue;  // gives no vectors back
    const bool exact = factory == "Flat" || factory == "HNSW16" || factory == "IVF8,Flat";
    Known known(kDim);
    known.put(counting(600), x);
    known.put(counting(30), more);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(replaced, random, exact));
    known.put(counting(600), x);
    known.erase({0, 5, 599});
    ASSERT_NO_FATAL_FAILURE(known.expect_same(removed, random, exact));
  }
}

// Memory that ends at each moment in turn: what the add says is in is in, what it was to replace is still there, and
// the index goes on.
TEST(IndexAdd, WithoutMemoryNothingIsLost) {
  for (const std::string factory : {"Flat", "SQ8,RFlat", "HNSW4", "HNSW4,SQ8"}) {
    SCOPED_TRACE(factory);
    const bool exact = factory == "Flat" || factory == "HNSW4";
    Random random(127);
    const auto x = random.vectors(60, kDim), more = random.vectors(30, kDim), last = random.vectors(3, kDim);
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < 30; i++) ids.push_back(i < 15 ? i * 2 : 1000 + i);
    const Folder folder;
    const auto original = index_of(factory, kDim, x);
    int64_t failures = 0;
    // Every allocation at first, then fewer: deep in the linking one is like the next.
    for (int64_t fail_at = 1;; fail_at += 1 + fail_at / times(60, 15)) {
      SCOPED_TRACE("allocation " + std::to_string(fail_at));
      const auto bytes = on_strand(original, [&] { return original->to_bytes(Ticket()); });
      auto region = Region::allocate(bytes.size());
      std::copy(bytes.begin(), bytes.end(), region->writable());
      Loaded loaded = Snapshot::from_region(region).load();
      const auto index = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
      Staging staging = staged(more, kDim);
      std::string code = "nothing";
      {
        // Not on the strand: its threads have memory. Nobody else writes.
        const FailingMemory memory(fail_at);
        try {
          index->add(std::move(staging), ids, false, Ticket());
        } catch (const std::bad_alloc&) {
          code = "bad_alloc";
        } catch (const Error& error) {
          code = error.code;
        }
      }
      ASSERT_TRUE(code == "nothing" || code == "bad_alloc" || code == code::kOutOfMemory) << code;
      Known known(kDim);
      known.put(counting(60), x);
      const std::vector<int64_t> held = index->ids();
      const auto got = index->get(held);
      for (int64_t id = 0; id < 60; id++) {
        ASSERT_EQ(std::count(held.begin(), held.end(), id), 1) << "id " << id << " was there before";
      }
      // Of each id that came, the old vector or the new one.
      for (size_t i = 0; i < held.size(); i++) {
        const auto at = std::find(ids.begin(), ids.end(), held[i]) - ids.begin();
        if (at == 30) continue;
        const float* fresh = more.data() + at * kDim;
        const double off = distance_of(Metric::kL2, kDim, got->data() + i * kDim, fresh);
        if (held[i] >= 1000 || off < 0.01) known.put(held[i], fresh);
        if (code == "nothing" && factory != "HNSW4,SQ8") ASSERT_LT(off, 0.01);
      }
      ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, exact));
      add_to(index, last, std::vector<int64_t>{0, 1, 2000});
      known.put({0, 1, 2000}, last);
      ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, exact));
      // It can be saved and opened again: no table of it is longer than another.
      on_strand(index, [&] { index->save(folder.path("a"), Ticket()); });
      ASSERT_NO_THROW(Snapshot::open(folder.path("a"), false, Ticket()).load());
      if (code == "nothing") break;
      failures++;
    }
    EXPECT_GT(failures, 10);
  }
}

}  // namespace

}  // namespace quiver::test
