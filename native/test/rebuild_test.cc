#include "core/rebuild.h"

#include <thread>

#include "core/structure_check.h"
#include "test/known_vectors.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

bool keeps_whole_vectors(const std::string& factory) {
  return factory == "Flat" || factory == "HNSW8" || factory == "IVF8,Flat";
}

// A rebuild that waits at its `at`-th report of progress, off the strand, until it may go on.
class PausedRebuild {
 public:
  PausedRebuild(const std::shared_ptr<IndexState>& index, const std::optional<Spec>& spec, int at = 1) {
    ticket->on_progress = [this, at](const char*, int64_t, int64_t) {
      if (++reports_ != at) return;
      reached_.open();
      go_.pass();
    };
    index->rebuild(spec, ticket, [this](std::exception_ptr error) { end_.set_value(error); });
    reached_.pass();
  }
  void go() { go_.open(); }
  // The code of the error that it ended with.
  std::string ended() {
    const std::exception_ptr error = end_.get_future().get();
    return code_of([&] {
      if (error) std::rethrow_exception(error);
    });
  }
  std::shared_ptr<Ticket> ticket = std::make_shared<Ticket>();

 private:
  std::atomic<int> reports_{0};
  Gate reached_, go_;
  std::promise<std::exception_ptr> end_;
};

TEST(Rebuild, ALiveCopyHoldsTheLiveRowsOnly) {
  Random random(101);
  const auto x = random.vectors(700, kDim);
  for (const auto& factory : kinds()) {
    if (factory == "LSH") continue;  // gives no vectors back
    SCOPED_TRACE(factory);
    Body body = filled(factory, kDim, x);
    FairLock lock;
    map_rows(body.index.get(), lock);
    for (int64_t row = 0; row < 700; row++) {
      if (row < 5 || random.chance(0.3) || row > 690) body.rows.kill(row);
    }
    Body copy = live_copy(body, Ticket());
    ASSERT_EQ(copy.rows.rows(), body.rows.live());
    ASSERT_EQ(copy.index->ntotal, body.rows.live());
    ASSERT_EQ(copy.rows.next_id(), 700);
    ASSERT_NO_THROW(check_structure(*copy.index, body.rows.live(), factory));
    map_rows(copy.index.get(), lock);
    std::vector<float> before(kDim), after(kDim);
    for (int64_t row : body.rows.live_rows()) {
      const int64_t moved = copy.rows.find(body.rows.id(row));
      ASSERT_GE(moved, 0) << "id " << body.rows.id(row);
      reconstruct_row(*body.index, row, before.data());
      reconstruct_row(*copy.index, moved, after.data());
      for (int64_t i = 0; i < kDim; i++) ASSERT_NEAR(after[i], before[i], 0.05) << "id " << body.rows.id(row);
    }
  }
}

TEST(Rebuild, ACancelledLiveCopyIsNoCopy) {
  Body body = filled("HNSW8", kDim, Random(102).vectors(600, kDim));
  body.rows.kill(1);
  Ticket ticket;
  ticket.cancel();
  EXPECT_EQ(code_of([&] { live_copy(body, ticket); }), code::kAborted);
}

TEST(Rebuild, LeavesNoDeadRowsAndLosesNothing) {
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "IVF8,PQ4x4", "PQ4x4fs", "IVF8,PQ4x4fs", "HNSW8,SQ8"}) {
    SCOPED_TRACE(factory);
    Random random(103);
    const auto x = random.vectors(800, kDim);
    const auto index = index_of(factory, kDim, x);
    Known known(kDim);
    known.put(counting(800), x);
    std::vector<int64_t> gone;
    for (int64_t id = 0; id < 800; id += 5) gone.push_back(id);
    remove_from(index, gone);
    known.erase(gone);
    ASSERT_EQ(index->stats()->deleted, 160) << "too few for a sweep";
    rebuild_now(index);
    EXPECT_EQ(index->stats()->deleted, 0);
    EXPECT_EQ(index->stats()->factory, factory);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, keeps_whole_vectors(factory)));
    // And again: there is nothing to do.
    rebuild_now(index);
    const auto more = random.vectors(10, kDim);
    const AddOutcome outcome = add_to(index, more);
    EXPECT_EQ(outcome.ids[0], 800) << "ids are not given twice";
    known.put(outcome.ids, more);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, keeps_whole_vectors(factory)));
  }
}

TEST(Rebuild, MakesEveryKindOutOfAnother) {
  Random random(104);
  const auto x = random.vectors(600, kDim);
  Known known(kDim);
  known.put(counting(600), x);
  const auto index = index_of("Flat", kDim, x);
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "Flat", "IVF8,Flat", "HNSW8", "Flat"}) {
    SCOPED_TRACE(factory);
    rebuild_now(index, spec_of(factory, kDim));
    EXPECT_EQ(index->stats()->factory, factory);
    EXPECT_EQ(index->spec().factory, factory);
    EXPECT_TRUE(index->stats()->implicit_ids) << "counting ids cost nothing afterwards either";
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
  }
  rebuild_now(index, spec_of("OPQ4,IVF8,PQ4x4", kDim));
  ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, false));
}

TEST(Rebuild, WhatIsWrittenMeanwhileIsTakenOver) {
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "Flat"}) {
    for (const bool anew : {false, true}) {
      if (!anew && factory != "HNSW8") continue;  // lists and arrays are swept at once
      SCOPED_TRACE(factory + (anew ? ", as another kind" : ""));
      Random random(105);
      const auto x = random.vectors(1500, kDim), more = random.vectors(400, kDim);
      const auto index = index_of(anew ? "HNSW8" : factory, kDim, x);
      Known known(kDim);
      known.put(counting(1500), x);
      remove_from(index, {3, 4});
      known.erase({3, 4});
      PausedRebuild rebuild(index, anew ? std::optional<Spec>(spec_of(factory, kDim)) : std::nullopt);
      std::vector<int64_t> replaced = counting(100);                    // taken over already, and 3 and 4 come back
      for (int64_t id = 1400; id < 1500; id++) replaced.push_back(id);  // not yet
      for (int64_t id = 5000; id < 5200; id++) replaced.push_back(id);  // new
      add_to(index, more, replaced);
      known.put(replaced, more);
      remove_from(index, {20, 21, 700, 1450, 5001});
      known.erase({20, 21, 700, 1450, 5001});
      EXPECT_EQ(code_of([&] { rebuild_now(index); }), code::kArgument) << "one at a time";
      rebuild.go();
      ASSERT_EQ(rebuild.ended(), "nothing");
      settle(index);
      EXPECT_EQ(index->stats()->factory, factory);
      ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
      EXPECT_EQ(add_to(index, std::vector<float>(kDim, 1.0f)).ids[0], 5200);
    }
  }
}

TEST(Rebuild, MoreWritesThanFitOneRoundAreTakenOverToo) {
  Random random(106);
  const auto x = random.vectors(1200, kDim), more = random.vectors(3000, kDim);
  const auto index = index_of("Flat", kDim, x);
  Known known(kDim);
  known.put(counting(1200), x);
  PausedRebuild rebuild(index, spec_of("IVF8,Flat", kDim));
  std::vector<int64_t> ids = counting(3000);
  add_to(index, more, ids);
  known.put(ids, more);
  rebuild.go();
  ASSERT_EQ(rebuild.ended(), "nothing");
  ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
}

TEST(Rebuild, ManyRemovedMeanwhileLeaveNothingToTakeOver) {
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "Flat"}) {
    SCOPED_TRACE(factory);
    Random random(110);
    const auto x = random.vectors(1500, kDim);
    const auto index = index_of("HNSW8", kDim, x);
    Known known(kDim);
    known.put(counting(1500), x);
    PausedRebuild rebuild(index, spec_of(factory, kDim));
    const std::vector<int64_t> removed = counting(700);
    remove_from(index, removed);
    known.erase(removed);
    rebuild.go();
    ASSERT_EQ(rebuild.ended(), "nothing");
    settle(index);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
  }
}

TEST(Rebuild, AResetMeanwhileEmptiesWhatIsBuilt) {
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "Flat"}) {
    SCOPED_TRACE(factory);
    Random random(107);
    const auto x = random.vectors(1200, kDim), more = random.vectors(60, kDim);
    const auto index = index_of("HNSW8", kDim, x);
    PausedRebuild rebuild(index, spec_of(factory, kDim));
    on_strand(index, [&] { index->reset(); });
    const AddOutcome outcome = add_to(index, more);
    EXPECT_EQ(outcome.ids[0], 0) << "ids count from 0 again";
    rebuild.go();
    ASSERT_EQ(rebuild.ended(), "nothing");
    Known known(kDim);
    known.put(outcome.ids, more);
    EXPECT_EQ(index->stats()->factory, factory);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
    EXPECT_EQ(add_to(index, more).ids[0], 60);
  }
}

TEST(Rebuild, ParametersThatAreSetMeanwhileStay) {
  const auto x = Random(108).vectors(1200, kDim);
  const auto index = index_of("HNSW8", kDim, x);
  remove_from(index, {1});
  PausedRebuild rebuild(index, std::nullopt);
  on_strand(index, [&] { index->set_parameters(111, 222, 0); });
  rebuild.go();
  ASSERT_EQ(rebuild.ended(), "nothing");
  EXPECT_EQ(index->stats()->deleted, 0);
  EXPECT_EQ(index->stats()->ef_search, 222);
  EXPECT_EQ(index->stats()->ef_construction, 111);
}

TEST(Rebuild, ATrainingMeanwhileEndsIt) {
  const auto x = Random(109).vectors(1200, kDim);
  const auto index = index_of("HNSW8", kDim, x);
  PausedRebuild rebuild(index, spec_of("Flat", kDim));
  on_strand(index, [&] {
    index->reset();
    index->train(staged(x, kDim), spec_of("IVF8,SQ8", kDim), Ticket());
  });
  add_to(index, x);
  rebuild.go();
  EXPECT_EQ(rebuild.ended(), code::kAborted);
  EXPECT_EQ(index->stats()->factory, "IVF8,SQ8") << "the later call counts";
  EXPECT_EQ(index->count(), 1200);
}

TEST(Rebuild, AClosedIndexEndsIt) {
  const auto index = index_of("Flat", kDim, Random(110).vectors(1200, kDim));
  PausedRebuild rebuild(index, spec_of("HNSW8", kDim));
  on_strand(index, [&] { index->free(); });
  rebuild.go();
  EXPECT_EQ(rebuild.ended(), code::kClosed);
}

TEST(Rebuild, ACancelledOneLeavesTheIndexAsItWas) {
  Random random(111);
  const auto x = random.vectors(1200, kDim);
  const auto index = index_of("Flat", kDim, x);
  Known known(kDim);
  known.put(counting(1200), x);
  PausedRebuild rebuild(index, spec_of("HNSW8", kDim));
  rebuild.ticket->cancel();
  rebuild.go();
  EXPECT_EQ(rebuild.ended(), code::kAborted);
  EXPECT_EQ(index->stats()->factory, "Flat");
  ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
  rebuild_now(index, spec_of("HNSW8", kDim));
  EXPECT_EQ(index->stats()->factory, "HNSW8") << "and the next one may begin";
}

// The moment that matters is the last: rows that a cancelled append has left out must not be lost with the old index.
TEST(Rebuild, CancelledAtAnyMomentItLosesNoVector) {
  constexpr int64_t kWide = 128;
  Random random(112);
  const auto x = random.vectors(300, kWide), more = random.vectors(500, kWide);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 500; i++) ids.push_back(1000 + i);
  for (int64_t round = 0; round < times(24, 8); round++) {
    const auto index = index_of("Flat", kWide, x);
    // A kind that is slow to encode, so that its appends have many slices.
    PausedRebuild rebuild(index, spec_of("PQ32", kWide));
    add_to(index, more, ids);
    rebuild.go();
    // No clock decides whether the test passes: the later the cancel comes, the more of the work is done.
    for (int64_t spin = 0; spin < round * 200000; spin++) std::atomic_signal_fence(std::memory_order_seq_cst);
    rebuild.ticket->cancel();
    const std::string end = rebuild.ended();
    EXPECT_TRUE(end == code::kAborted || end == "nothing") << end;
    ASSERT_EQ(index->count(), 800) << "after " << end;
    ASSERT_EQ(index->stats()->factory, end == "nothing" ? "PQ32" : "Flat");
  }
}

TEST(Rebuild, OneThatWasAskedForComesAfterASweep) {
  Random random(113);
  const auto x = random.vectors(3000, kDim);
  const auto index = index_of("HNSW8", kDim, x);
  Known known(kDim);
  known.put(counting(3000), x);
  std::vector<int64_t> gone;
  for (int64_t id = 0; id < 800; id++) gone.push_back(id);
  known.erase(gone);
  // On the strand, so that both are asked for before the sweep can have ended.
  std::promise<std::exception_ptr> end;
  on_strand(index, [&] {
    index->remove(gone, Ticket());
    index->rebuild(spec_of("IVF8,Flat", kDim), std::make_shared<Ticket>(),
                   [&](std::exception_ptr error) { end.set_value(error); });
  });
  EXPECT_EQ(end.get_future().get(), nullptr);
  settle(index);
  EXPECT_EQ(index->stats()->factory, "IVF8,Flat");
  EXPECT_EQ(index->stats()->deleted, 0);
  ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
}

TEST(Rebuild, AKindThatCannotBeTrainedLeavesTheIndexAsItWas) {
  const auto x = Random(114).vectors(20, kDim);
  const auto index = index_of("Flat", kDim, x);
  EXPECT_EQ(code_of([&] { rebuild_now(index, spec_of("IVF64,Flat", kDim)); }), code::kFaiss);
  EXPECT_EQ(code_of([&] { rebuild_now(index, spec_of("nonsense", kDim)); }), code::kFaiss);
  EXPECT_EQ(index->stats()->factory, "Flat");
  EXPECT_EQ(index->count(), 20);
}

TEST(Rebuild, AShutdownEndsIt) {
  const auto index = index_of("Flat", kDim, Random(115).vectors(1200, kDim));
  PausedRebuild rebuild(index, spec_of("HNSW8", kDim));
  std::thread closer([] { Executor::instance().shutdown(); });
  while (!Ticket().aborted()) std::this_thread::yield();
  rebuild.go();
  EXPECT_EQ(rebuild.ended(), code::kAborted);
  closer.join();
  Executor::instance().post_bulk(make_task([] {}));  // starts it again, for the tests to come
  EXPECT_EQ(index->count(), 1200);
  EXPECT_EQ(index->stats()->factory, "Flat");
}

}  // namespace

}  // namespace quiver::test
