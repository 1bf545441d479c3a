#include "core/exact_scan.h"

#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16, kRows = 500, kQueries = 7;

struct Case {
  std::string factory;
  Metric metric;
};

class ExactScan : public ::testing::TestWithParam<Case> {};

TEST_P(ExactScan, FindsTheNearestOfTheChosenRows) {
  const auto& [factory, metric] = GetParam();
  Random random(7);
  Body body = filled(factory, kDim, random.vectors(kRows, kDim), metric);
  ASSERT_TRUE(can_scan(*body.index));
  const auto queries = random.vectors(kQueries, kDim);
  const Decoded decoded = decode(body, queries);
  // Counts around the blocks of four that it works in, and around k.
  for (const int64_t chosen : {1, 3, 4, 5, 9, 10, 11, 63, 64, 200, 500}) {
    std::vector<int64_t> rows = counting(kRows);
    std::shuffle(rows.begin(), rows.end(), random.engine());
    rows.resize(static_cast<size_t>(chosen));
    std::sort(rows.begin(), rows.end());
    RowSet set(kRows);
    for (int64_t row : rows) set.set(row);
    for (const int64_t k : {1, 10, 600}) {
      std::vector<int64_t> found(static_cast<size_t>(kQueries * k));
      std::vector<float> distances(found.size());
      exact_scan(*body.index, kQueries, queries.data(), k, set, found.data(), distances.data());
      const int64_t places = std::min(k, chosen);
      for (int64_t q = 0; q < kQueries; q++) {
        for (int64_t i = places; i < k; i++) ASSERT_EQ(found[static_cast<size_t>(q * k + i)], -1);
      }
      ASSERT_NO_FATAL_FAILURE(expect_exact(decoded, metric, rows, kQueries, k, found.data(), distances.data()))
          << chosen << " rows, k " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ExactScan,
                         ::testing::Values(Case{"Flat", Metric::kL2}, Case{"Flat", Metric::kInnerProduct},
                                           Case{"SQ8", Metric::kL2}, Case{"SQ8", Metric::kInnerProduct},
                                           Case{"SQfp16", Metric::kL2}, Case{"PQ4x4", Metric::kL2},
                                           Case{"PQ4x4", Metric::kInnerProduct}, Case{"HNSW16", Metric::kL2},
                                           Case{"HNSW16", Metric::kInnerProduct}, Case{"HNSW16,SQ8", Metric::kL2}));

TEST(ExactScanChoice, KnowsWhatItCanRead) {
  for (const char* factory : {"Flat", "HNSW16", "SQ8", "PQ4x4", "LSH"}) {
    EXPECT_TRUE(can_scan(*make_index(spec_of(factory, kDim)))) << factory;
  }
  for (const char* factory : {"IVF4,Flat", "PQ4x4fs", "PCA8,Flat", "SQ8,RFlat", "IVF4,PQ4x4fs"}) {
    EXPECT_FALSE(can_scan(*make_index(spec_of(factory, kDim)))) << factory;
  }
}

}  // namespace

}  // namespace quiver::test
