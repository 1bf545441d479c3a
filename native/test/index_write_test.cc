#include <thread>

#include "test/known_vectors.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

std::vector<int64_t> from_to(int64_t from, int64_t to) {
  std::vector<int64_t> ids;
  for (int64_t id = from; id < to; id++) ids.push_back(id);
  return ids;
}

TEST(IndexRemove, TakesRowsOutOfEveryKind) {
  for (const auto& factory : kinds()) {
    if (factory == "LSH") continue;  // gives no vectors back
    SCOPED_TRACE(factory);
    Random random(131);
    const auto x = random.vectors(700, kDim);
    const auto index = index_of(factory, kDim, x);
    Known known(kDim);
    known.put(counting(700), x);
    const bool exact = factory == "Flat" || factory == "HNSW16" || factory == "IVF8,Flat";
    for (const auto& ids : {from_to(690, 700), from_to(0, 7), std::vector<int64_t>{50, 60, 50, 9999, -5}}) {
      const int64_t before = index->count();
      std::set<int64_t> there;
      for (int64_t id : ids) {
        if (known.has(id)) there.insert(id);
      }
      EXPECT_EQ(remove_from(index, ids), static_cast<int64_t>(there.size()));
      known.erase(ids);
      EXPECT_EQ(index->count(), before - static_cast<int64_t>(there.size()));
      ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, exact));
    }
    EXPECT_EQ(remove_from(index, from_to(0, 700)), 700 - 7 - 10 - 2);
    settle(index);
    known.clear();
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, exact));
    EXPECT_EQ(add_to(index, x).ids[0], 700) << "ids are not given twice";
  }
}

TEST(IndexRemove, ArraysAreSweptAtOnce) {
  for (const std::string factory : {"Flat", "SQ8", "PCA8,Flat", "SQ8,RFlat"}) {
    const auto index = index_of(factory, kDim, Random(132).vectors(500, kDim));
    remove_from(index, {1});
    EXPECT_EQ(index->stats()->deleted, 0) << factory;
  }
}

TEST(IndexRemove, WhoReadsTheLiveRowsSeesNoneOfTheDead) {
  for (const std::string factory : {"Flat", "IVF8,Flat", "HNSW16"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, Random(134).vectors(500, kDim));
    remove_from(index, {3, 200});
    on_strand(index, [&] {
      index->read_live(Ticket(), [](const Body& body) {
        EXPECT_EQ(body.rows.dead(), 0);
        EXPECT_EQ(body.rows.rows(), 498);
        EXPECT_EQ(body.index->ntotal, 498);
        EXPECT_LT(body.rows.find(200), 0);
        EXPECT_EQ(body.rows.id(body.rows.find(499)), 499);
      });
      return 0;
    });
  }
}

TEST(IndexRemove, AtTheEndItLeavesCountingIdsForFree) {
  const auto index = index_of("Flat", kDim, Random(133).vectors(500, kDim));
  remove_from(index, from_to(400, 500));
  EXPECT_TRUE(index->stats()->implicit_ids);
  remove_from(index, {0});
  EXPECT_FALSE(index->stats()->implicit_ids);
}

TEST(IndexRemove, GraphsAndListsAreSweptWhenAFifthIsDead) {
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "IVF8,PQ4x4fs", "PQ4x4fs"}) {
    SCOPED_TRACE(factory);
    Random random(134);
    const auto small = index_of(factory, kDim, random.vectors(400, kDim));
    remove_from(small, from_to(0, 255));
    settle(small);
    EXPECT_EQ(small->stats()->deleted, 255) << "too few to be worth it";
    remove_from(small, {255});
    settle(small);
    EXPECT_EQ(small->stats()->deleted, 0);
    const auto large = index_of(factory, kDim, random.vectors(1500, kDim));
    remove_from(large, from_to(0, 299));
    settle(large);
    EXPECT_EQ(large->stats()->deleted, 299) << "less than a fifth";
    remove_from(large, {299});
    settle(large);
    EXPECT_EQ(large->stats()->deleted, 0);
    EXPECT_EQ(large->count(), 1200);
  }
}

TEST(IndexRemove, AnAbortBetweenSlicesSaysHowManyAreGone) {
  const auto index = index_of("Flat", 2, Random(135).vectors(25000, 2));
  Ticket ticket;
  std::thread canceller([&] {
    while (index->count() == 25000 && !ticket.aborted()) {
      // stats() is published at the end, so look at the rows themselves.
      if (index->has({0})[0] == 0) ticket.cancel();
    }
  });
  int64_t gone = 25000;
  try {
    on_strand(index, [&] { index->remove(counting(25000), ticket); });
  } catch (const Error& error) {
    EXPECT_STREQ(error.code, code::kAborted);
    gone = std::stoll(error.actual);
  }
  ticket.cancel();
  canceller.join();
  EXPECT_EQ(index->count(), 25000 - gone);
  EXPECT_EQ(index->ids().size(), static_cast<size_t>(25000 - gone));
}

TEST(IndexReset, EmptiesAndKeepsWhatWasTrained) {
  for (const auto& factory : kinds()) {
    SCOPED_TRACE(factory);
    Random random(136);
    const auto x = random.vectors(500, kDim);
    const auto index = index_of(factory, kDim, x);
    if (as_ivf(base_of(make_index(spec_of(factory, kDim)).get())) != nullptr) {
      on_strand(index, [&] { index->prepare_get(); });
    }
    on_strand(index, [&] { index->reset(); });
    EXPECT_EQ(index->count(), 0);
    EXPECT_TRUE(index->stats()->trained);
    EXPECT_TRUE(index->ids().empty());
    EXPECT_EQ(ask(*index, random.vectors(25, kDim), SearchOptions()).ids, std::vector<int64_t>(250, -1));
    EXPECT_EQ(add_to(index, x).ids, counting(500));
    SearchOptions one;
    one.k = 1;
    one.exact = true;
    EXPECT_EQ(ask(*index, std::vector<float>(x.begin(), x.begin() + kDim), one).ids.size(), 1u);
    if (factory == "LSH") continue;
    const auto got = on_strand(index, [&] {
      index->prepare_get();
      return index->get({0, 499});
    });
    EXPECT_TRUE(got.has_value());
  }
}

TEST(IndexTrain, ASecondTrainingAfterAResetCounts) {
  Random random(137);
  const auto here = random.vectors(500, kDim);
  auto there = random.vectors(500, kDim);
  for (auto& value : there) value += 100;
  const auto index = index_of("IVF8,SQ8", kDim, here);
  EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->train(staged(there, kDim), std::nullopt, Ticket()); }); }),
            code::kArgument)
      << "it holds vectors";
  on_strand(index, [&] {
    index->reset();
    index->train(staged(there, kDim), std::nullopt, Ticket());
  });
  add_to(index, there);
  on_strand(index, [&] { index->prepare_get(); });
  const auto got = *index->get({17});
  for (int64_t i = 0; i < kDim; i++) {
    ASSERT_NEAR(got[static_cast<size_t>(i)], there[static_cast<size_t>(17 * kDim + i)], 0.1);
  }
}

TEST(IndexTrain, ACancelledOneLeavesAnUntrainedIndex) {
  const auto x = Random(138).vectors(2000, kDim);
  const auto index = IndexState::create(spec_of("IVF64,Flat", kDim), false, "");
  Ticket ticket;
  ticket.on_progress = [&](const char*, int64_t, int64_t) { ticket.cancel(); };
  EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->train(staged(x, kDim), std::nullopt, ticket); }); }),
            code::kAborted);
  EXPECT_FALSE(index->stats()->trained);
  EXPECT_EQ(code_of([&] { add_to(index, x); }), code::kNotTrained);
  on_strand(index, [&] { index->train(staged(x, kDim), std::nullopt, Ticket()); });
  EXPECT_TRUE(index->stats()->trained);
  add_to(index, x);
  EXPECT_EQ(index->count(), 2000);
  // With a description of its own nothing of the old index is touched.
  on_strand(index, [&] { index->reset(); });
  Ticket again;
  again.on_progress = [&](const char*, int64_t, int64_t) { again.cancel(); };
  EXPECT_EQ(
      code_of([&] { on_strand(index, [&] { index->train(staged(x, kDim), spec_of("IVF8,Flat", kDim), again); }); }),
      code::kAborted);
  EXPECT_TRUE(index->stats()->trained);
  EXPECT_EQ(index->stats()->factory, "IVF64,Flat");
}

TEST(IndexTrain, NeedsAVectorForEachList) {
  const auto index = IndexState::create(spec_of("IVF64,Flat", kDim), false, "");
  EXPECT_EQ(code_of([&] {
              on_strand(index, [&] {
                index->train(staged(std::vector<float>(63 * kDim, 1.0f), kDim), std::nullopt, Ticket());
              });
            }),
            code::kArgument);
}

TEST(IndexSave, KeepsIdsDeadRowsNoteAndGeneration) {
  const Folder folder;
  Random random(139);
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat"}) {
    SCOPED_TRACE(factory);
    const auto x = random.vectors(400, kDim);
    const auto index = index_of(factory, kDim, x);
    Known known(kDim);
    known.put(counting(400), x);
    remove_from(index, {5, 6, 399});
    known.erase({5, 6, 399});
    index->set_note("{\"a\":1}");
    const uint64_t bytes = on_strand(index, [&] { return index->save(folder.path("a"), Ticket()); });
    EXPECT_EQ(bytes, std::filesystem::file_size(folder.path("a")));
    EXPECT_EQ(on_strand(index, [&] { return index->to_bytes(Ticket()); }).size(), bytes);
    for (const bool map : {false, true}) {
      Loaded loaded = Snapshot::open(folder.path("a"), map, Ticket()).load();
      const auto again = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
      EXPECT_EQ(again->note(), "{\"a\":1}");
      EXPECT_EQ(again->stats()->generation, index->stats()->generation);
      EXPECT_EQ(again->stats()->mapped, map);
      ASSERT_NO_FATAL_FAILURE(known.expect_same(again, random));
      EXPECT_EQ(add_to(again, x).ids[0], 400) << "ids are not given twice, after a save either";
    }
  }
}

TEST(IndexExport, LeavesDeadRowsOut) {
  const Folder folder;
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "Flat", "PQ4x4fs"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, Random(140).vectors(400, kDim));
    remove_from(index, {5, 6, 399});
    const uint64_t written = on_strand(index, [&] { return index->export_faiss(folder.path("a"), Ticket()); });
    EXPECT_EQ(written, std::filesystem::file_size(folder.path("a")));
    EXPECT_EQ(on_strand(index, [&] { return index->export_faiss_bytes(Ticket()); }).size(), written);
    EXPECT_EQ(index->count(), 397) << "and itself stays as it is";
  }
}

}  // namespace

}  // namespace quiver::test
