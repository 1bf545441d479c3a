#include "core/flat_scan.h"

#include <gtest/gtest.h>

#include <vector>

#include "test/support.h"

namespace quiver::test {

namespace {

struct Case {
  faiss::MetricType metric;
  int64_t n;
  int64_t k;
};

class FlatScan : public ::testing::TestWithParam<Case> {};

TEST_P(FlatScan, FindsWhatFaissFinds) {
  constexpr int kDim = 24, kRows = 9000;
  const auto [metric, n, k] = GetParam();
  Random random(401);
  faiss::IndexFlat index(kDim, metric);
  const auto x = random.vectors(kRows, kDim);
  index.add(kRows, x.data());
  const auto queries = random.vectors(static_cast<size_t>(n), kDim);
  const auto places = static_cast<size_t>(n * k);
  std::vector<int64_t> wanted(places), rows(places);
  std::vector<float> distances(places), found(places);
  index.search(n, queries.data(), k, distances.data(), wanted.data());
  for (const int threads : {1, 2, 3, 8}) {
    flat_scan(index, n, queries.data(), k, threads, rows.data(), found.data());
    EXPECT_EQ(rows, wanted) << threads;
    for (size_t i = 0; i < places; i++) ASSERT_NEAR(found[i], distances[i], 1e-4) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FlatScan,
                         ::testing::Values(Case{faiss::METRIC_L2, 1, 10}, Case{faiss::METRIC_L2, 100, 10},
                                           Case{faiss::METRIC_L2, 5, 9000}, Case{faiss::METRIC_L2, 700, 1500},
                                           Case{faiss::METRIC_INNER_PRODUCT, 1, 1},
                                           Case{faiss::METRIC_INNER_PRODUCT, 333, 7}));

TEST(FlatScans, PutTheFirstOfEqualRowsFirst) {
  constexpr int kDim = 4, kRows = 6000;
  faiss::IndexFlatL2 index(kDim);
  const std::vector<float> same(static_cast<size_t>(kRows) * kDim, 0.5f);
  index.add(kRows, same.data());
  std::vector<int64_t> rows(20);
  std::vector<float> distances(20);
  flat_scan(index, 1, same.data(), 20, 4, rows.data(), distances.data());
  for (int64_t i = 0; i < 20; i++) EXPECT_EQ(rows[static_cast<size_t>(i)], i);
}

TEST(FlatScans, SuitPlainVectorsThatAreWorthIt) {
  faiss::IndexFlat l2(64), other(64, faiss::METRIC_L1);
  const auto x = Random(402).vectors(4000, 64);
  l2.add(4000, x.data());
  other.add(4000, x.data());
  EXPECT_TRUE(suits_flat_scan(l2, 100));
  EXPECT_FALSE(suits_flat_scan(l2, 1)) << "too little work";
  EXPECT_FALSE(suits_flat_scan(other, 100));
}

}  // namespace

}  // namespace quiver::test
