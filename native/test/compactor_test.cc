#include "core/compactor.h"

#include <set>

#include "core/structure_check.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16, kRows = 2500;

// Dead in a pattern: at the start, at the end, alone and in runs.
std::set<int64_t> kill_some(Body& body, Random& random, double share) {
  std::set<int64_t> alive;
  for (int64_t row = 0; row < body.rows.rows(); row++) {
    const bool edge = row < 3 || row >= body.rows.rows() - 70;
    if (edge || random.chance(share)) {
      body.rows.kill(row);
    } else {
      alive.insert(body.rows.id(row));
    }
  }
  return alive;
}

// id -> the vector that the index gives back for it.
std::vector<float> vector_of(Body& body, int64_t id) {
  faiss::Index& index = *body.index;
  if (auto* lists = as_ivf(base_of(&index)); lists != nullptr && lists->direct_map.no()) lists->make_direct_map(true);
  std::vector<float> x(static_cast<size_t>(index.d));
  reconstruct_row(index, body.rows.find(id), x.data());
  return x;
}

TEST(Compactor, SweepsArraysInPlaceAndLosesNothing) {
  for (const std::string factory : {"Flat", "SQ8", "PQ4x4", "PCA8,Flat", "SQ8,RFlat", "LSH"}) {
    for (const double share : {0.0, 0.1, 0.6, 0.9, 0.99, 0.999, 1.0}) {
      SCOPED_TRACE(factory + ", dead share " + std::to_string(share));
      Random random(static_cast<uint64_t>(41 + share * 1000));
      Body body = filled(factory, kDim, random.vectors(kRows, kDim));
      Body before;
      before.index = copy_index(*body.index);
      before.rows = body.rows;
      const auto alive = kill_some(body, random, share);
      FairLock lock;
      ASSERT_TRUE(sweep_in_place(body, lock));
      EXPECT_EQ(body.rows.dead(), 0);
      EXPECT_EQ(body.rows.rows(), static_cast<int64_t>(alive.size()));
      EXPECT_EQ(body.index->ntotal, static_cast<int64_t>(alive.size()));
      ASSERT_NO_THROW(check_structure(*body.index, static_cast<int64_t>(alive.size()), factory));
      EXPECT_EQ(body.rows.next_id(), kRows) << "ids are not given twice";
      for (int64_t id = 0; id < kRows; id++) {
        ASSERT_EQ(body.rows.find(id) >= 0, alive.count(id) > 0) << "id " << id;
        if (alive.count(id) == 0 || factory == "LSH") continue;
        ASSERT_EQ(vector_of(body, id), vector_of(before, id)) << "id " << id;
      }
    }
  }
}

TEST(Compactor, LosesNothingWhateverThePatternOfTheDead) {
  Random random(46);
  for (int round = 0; round < times(3000, 300); round++) {
    const int64_t rows = random.between(1, 12);
    const auto x = random.vectors(rows, 1);
    Body body = filled("Flat", 1, x);
    std::set<int64_t> alive;
    const double share = random.chance(0.5) ? 0.3 : 0.8;
    for (int64_t row = 0; row < rows; row++) {
      if (random.chance(share)) {
        body.rows.kill(row);
      } else {
        alive.insert(row);
      }
    }
    FairLock lock;
    ASSERT_TRUE(sweep_in_place(body, lock));
    ASSERT_EQ(body.rows.rows(), static_cast<int64_t>(alive.size())) << "round " << round;
    ASSERT_EQ(body.index->ntotal, body.rows.rows());
    for (int64_t id : alive) ASSERT_EQ(vector_of(body, id), std::vector<float>{x[static_cast<size_t>(id)]});
  }
}

TEST(Compactor, SweepsMoreMovesThanOneSliceTakes) {
  // The first half is dead: each of its rows gets one of the other half, over several slices.
  Random random(47);
  const int64_t rows = 7001;
  const auto x = random.vectors(rows, 1);
  Body body = filled("Flat", 1, x);
  for (int64_t row = 0; row < rows / 2; row++) body.rows.kill(row);
  FairLock lock;
  ASSERT_TRUE(sweep_in_place(body, lock));
  ASSERT_EQ(body.rows.rows(), rows - rows / 2);
  for (int64_t id = rows / 2; id < rows; id++) {
    ASSERT_EQ(vector_of(body, id), std::vector<float>{x[static_cast<size_t>(id)]});
  }
}

TEST(Compactor, LeavesGraphsListsAndBlocksAlone) {
  Random random(42);
  const auto x = random.vectors(600, kDim);
  for (const std::string factory : {"HNSW8", "IVF8,Flat", "PQ4x4fs", "IVF8,PQ4x4fs", "PCA8,HNSW8"}) {
    Body body = filled(factory, kDim, x);
    body.rows.kill(5);
    FairLock lock;
    EXPECT_FALSE(sweep_in_place(body, lock)) << factory;
    EXPECT_EQ(body.rows.dead(), 1) << factory;
    EXPECT_EQ(body.index->ntotal, 600) << factory;
  }
}

TEST(Compactor, CopiesTheLiveRowsOfListsToTheBit) {
  for (const std::string factory : {"IVF8,Flat", "IVF8,PQ4x4", "IVF8,SQ8", "OPQ4,IVF8,PQ4"}) {
    for (const bool by_row : {false, true}) {
      SCOPED_TRACE(factory);
      Random random(43);
      const auto x = random.vectors(1200, kDim);
      Body body = filled(factory, kDim, x);
      if (by_row) as_ivf(base_of(body.index.get()))->make_direct_map(true);
      const auto alive = kill_some(body, random, 0.3);
      ASSERT_TRUE(copyable_live_rows(body));
      Body swept;
      swept.index = copy_live_rows(body);
      swept.rows = body.rows.compacted();
      const auto live = static_cast<int64_t>(alive.size());
      ASSERT_EQ(swept.index->ntotal, live);
      ASSERT_EQ(swept.rows.rows(), live);
      ASSERT_NO_THROW(check_structure(*swept.index, live, factory));
      EXPECT_EQ(as_ivf(base_of(swept.index.get()))->direct_map.no(), !by_row);
      for (int64_t id : alive) ASSERT_EQ(vector_of(swept, id), vector_of(body, id)) << "id " << id;
      // And searches over both agree.
      SearchOptions options;
      options.exact = true;
      const auto queries = random.vectors(10, kDim);
      std::vector<int64_t> rows(100), expected_rows(100);
      std::vector<float> distances(100), expected(100);
      const Shape shape(body.index.get()), swept_shape(swept.index.get());
      Searcher(*body.index, shape, body.rows, nullptr)
          .search(10, queries.data(), options, expected_rows.data(), expected.data());
      Searcher(*swept.index, swept_shape, swept.rows, nullptr)
          .search(10, queries.data(), options, rows.data(), distances.data());
      EXPECT_EQ(distances, expected);
    }
  }
}

TEST(Compactor, SaysWhichKindsItCannotCopy) {
  Random random(44);
  const auto x = random.vectors(600, kDim);
  for (const std::string factory : {"Flat", "HNSW8", "PQ4x4fs", "IVF8,PQ4x4fs", "IVF8,PQ4x4,RFlat"}) {
    Body body = filled(factory, kDim, x);
    body.rows.kill(1);
    EXPECT_FALSE(copyable_live_rows(body)) << factory;
    EXPECT_EQ(copy_live_rows(body), nullptr) << factory;
  }
}

TEST(Compactor, CopiesAnIndexOfEveryKind) {
  Random random(45);
  const auto x = random.vectors(900, kDim);
  const auto queries = random.vectors(5, kDim);
  for (const auto& factory : kinds()) {
    SCOPED_TRACE(factory);
    Body body = filled(factory, kDim, x);
    const auto copy = copy_index(*body.index);
    EXPECT_FALSE(has_views(copy.get()));
    std::vector<int64_t> rows(50), expected_rows(50);
    std::vector<float> distances(50), expected(50);
    body.index->search(5, queries.data(), 10, expected.data(), expected_rows.data());
    body = Body();
    copy->search(5, queries.data(), 10, distances.data(), rows.data());
    EXPECT_EQ(rows, expected_rows);
    EXPECT_EQ(distances, expected);
  }
}

}  // namespace

}  // namespace quiver::test
