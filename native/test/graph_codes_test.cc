// Graphs that are searched by codes: as good as FAISS's own search, through everything that changes an index.
#include "core/graph_codes.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 24, kRows = 3000, kQueries = 40, kK = 10;

double recall(const IndexState& index, const std::vector<float>& queries, SearchOptions options = {},
              int64_t dim = kDim) {
  options.k = kK;
  const Answer found = ask(index, queries, options);
  options.exact = true;
  const Answer exact = ask(index, queries, options);
  int64_t hits = 0, wanted = 0;
  for (size_t q = 0; q < queries.size() / static_cast<size_t>(dim); q++) {
    const auto begin = exact.ids.begin() + static_cast<int64_t>(q) * kK;
    const std::set<int64_t> best(begin, begin + kK);
    for (size_t i = q * kK; i < (q + 1) * kK; i++) {
      if (exact.ids[i] >= 0) wanted++;
      hits += found.ids[i] >= 0 ? static_cast<int64_t>(best.count(found.ids[i])) : 0;
    }
  }
  return static_cast<double>(hits) / static_cast<double>(wanted);
}

TEST(GraphCodes, SuitGraphsOfWholeVectorsOnly) {
  Random random(311);
  const auto x = random.vectors(kRows, kDim);
  for (const std::string factory : {"HNSW16", "HNSW16,Flat"}) {
    EXPECT_TRUE(GraphCodes::suits(*filled(factory, kDim, x).index)) << factory;
  }
  for (const std::string factory : {"Flat", "HNSW16,SQ8", "IVF8,Flat", "PCA8,HNSW16", "HNSW16,PQ8x4"}) {
    EXPECT_FALSE(GraphCodes::suits(*filled(factory, kDim, x).index)) << factory;
  }
  EXPECT_FALSE(GraphCodes::suits(*filled("HNSW16", kDim, random.vectors(GraphCodes::kFewest - 1, kDim)).index));
  EXPECT_EQ(GraphCodes::derive(*filled("Flat", kDim, x).index), nullptr);
}

// One component so much larger than the others that 8 bits leave nothing of these.
TEST(GraphCodes, AreLeftOutWhereAnswersWouldSuffer) {
  Random random(312);
  auto x = random.vectors(kRows, kDim);
  for (int64_t i = 0; i < kRows; i++) x[static_cast<size_t>(i * kDim)] = i % 2 == 0 ? 1e4f : -1e4f;
  EXPECT_EQ(GraphCodes::derive(*filled("HNSW16", kDim, x).index), nullptr);
}

// Codes of 4 bits, with and without a subspace, and bytes beside them where these are exact.
TEST(GraphCodes, AreAsShortAsTheVectorsBear) {
  Random random(317);
  const auto low_rank = [&](int64_t n, int64_t dim, int64_t rank) {
    const auto axes = random.vectors(rank, dim), at = random.vectors(n, rank);
    std::vector<float> x(static_cast<size_t>(n * dim));
    for (int64_t i = 0; i < n; i++) {
      for (int64_t r = 0; r < rank; r++) {
        for (int64_t j = 0; j < dim; j++) {
          x[static_cast<size_t>(i * dim + j)] +=
              at[static_cast<size_t>(i * rank + r)] * axes[static_cast<size_t>(r * dim + j)];
        }
      }
    }
    return x;
  };
  const auto bytes_a_row = [](int64_t dim, const std::vector<float>& x, Metric metric) {
    const Body body = filled("HNSW16", dim, x, metric);
    return static_cast<double>(GraphCodes::derive(*body.index)->bytes()) / kRows;
  };
  const auto good = [&](const IndexState& index, const std::vector<float>& queries, int64_t dim) {
    SearchOptions options;
    options.ef_search = 500;
    EXPECT_GE(recall(index, queries, options, dim), 0.97);
  };
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    const auto wide = low_rank(kRows, 600, 40);
    EXPECT_LT(bytes_a_row(600, wide, metric), 128 + 4 + 70) << "a subspace of 256, and its basis";
    good(*index_of("HNSW32", 600, wide, metric), std::vector<float>(wide.begin(), wide.begin() + kQueries * 600), 600);

    const auto plain = low_rank(kRows, 200, 30);
    EXPECT_LT(bytes_a_row(200, plain, metric), 128 + 5);

    // Not of chance alone: there 4 bits are on the border of what the trial lets pass.
    auto whole = low_rank(kRows, 200, 30);
    for (auto& value : whole) value = std::clamp(std::floor(128 + value * 15), 0.0f, 255.0f);
    EXPECT_GT(bytes_a_row(200, whole, metric), 256 + 128);
    // Denser than above, so that FAISS itself finds all, whatever order its threads link rows in.
    const auto exact = index_of("HNSW32", 200, whole, metric);
    // Rows between whole numbers, and the distances are not those of whole ones.
    auto between = std::vector<float>(whole.begin(), whole.begin() + 20 * 200);
    for (auto& value : between) value += 0.5f;
    add_to(exact, between);
    good(*exact, between, 200);
    SearchOptions options;
    options.k = 1;
    options.ef_search = 200;
    if (metric != Metric::kL2) continue;
    const Answer nearest = ask(*exact, std::vector<float>(whole.begin(), whole.begin() + 200), options);
    EXPECT_EQ(nearest.distances[0], 0);
    const Answer self = ask(*exact, between, options);
    EXPECT_EQ(self.distances[3], 0);
  }
}

class GraphCodesMetrics : public ::testing::TestWithParam<Metric> {};

TEST_P(GraphCodesMetrics, FindTheNearestWithTheirOwnDistances) {
  Random random(313);
  const auto x = random.vectors(kRows, kDim), queries = random.vectors(kQueries, kDim);
  const auto index = index_of("HNSW16", kDim, x, GetParam());
  SearchOptions options;
  options.ef_search = 200;
  EXPECT_GE(recall(*index, queries, options), 0.98);
  options.k = kK;
  const Answer found = ask(*index, queries, options);
  options.exact = true;
  const Answer exact = ask(*index, queries, options);
  for (size_t i = 0; i < found.ids.size(); i++) {
    if (found.ids[i] == exact.ids[i]) EXPECT_NEAR(found.distances[i], exact.distances[i], 1e-4) << i;
  }
}

// By chance, and all on one side of the space, where few queries are.
TEST_P(GraphCodesMetrics, FindWhatAFilterLeaves) {
  Random random(317);
  const int64_t n = times(12'000, 5000);  // fewer that pass than 2,000 are compared one by one
  const auto x = random.vectors(n, kDim), queries = random.vectors(kQueries, kDim);
  const auto index = index_of("HNSW16", kDim, x, GetParam());
  SearchOptions options;
  options.ef_search = 100;
  for (const int64_t percent : {20, 50, 95}) {
    std::vector<uint8_t> bitmap(static_cast<size_t>(n / 8 + 1)), side(bitmap.size());
    for (int64_t row = 0; row < n; row++) {
      const auto bit = static_cast<uint8_t>(1 << (row % 8));
      if (random.below(100) < percent) bitmap[static_cast<size_t>(row / 8)] |= bit;
      const bool there = x[static_cast<size_t>(row * kDim)] > 0.0f;
      if (there && random.below(100) < percent) side[static_cast<size_t>(row / 8)] |= bit;
    }
    for (const auto& bits : {bitmap, side}) {
      options.filter = std::make_shared<Filter>(std::vector<Filter::Step>{{Filter::Op::kBitmap, {}, bits, 0}});
      EXPECT_GE(recall(*index, queries, options), 0.97) << percent << " %";
    }
  }
}

TEST_P(GraphCodesMetrics, FollowEveryChangeOfTheIndex) {
  Random random(314);
  const auto x = random.vectors(kRows, kDim), more = random.vectors(500, kDim),
             queries = random.vectors(kQueries, kDim);
  const auto index = index_of("HNSW16", kDim, x, GetParam());
  SearchOptions options;
  options.ef_search = 200;
  const auto good = [&](const char* when) { EXPECT_GE(recall(*index, queries, options), 0.97) << when; };
  const size_t before = index->stats()->bytes;
  add_to(index, more);
  good("after an add");
  EXPECT_GT(index->stats()->bytes, before);
  add_to(index, more, counting(500));
  good("after vectors took the place of others");
  remove_from(index, counting(300));
  good("with dead rows");
  options.filter = std::make_shared<Filter>(std::vector<Filter::Step>{{Filter::Op::kRange, {400, 3000}, {}, 0}});
  good("with a filter");
  options.filter.reset();
  rebuild_now(index);
  good("rebuilt");
  const auto bytes = on_strand(index, [&] { return index->to_bytes(Ticket()); });
  auto region = Region::allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), region->writable());
  Loaded loaded = Snapshot::from_region(region).load();
  const auto copy = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
  EXPECT_GE(recall(*copy, queries, options), 0.97) << "opened again";
  on_strand(index, [&] { index->reset(); });
  add_to(index, x);
  good("emptied and filled again");
}

INSTANTIATE_TEST_SUITE_P(Metrics, GraphCodesMetrics,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine));

TEST_P(GraphCodesMetrics, FindAsMuchForQueriesOfAnyLength) {
  Random random(316);
  const auto index = index_of("HNSW16", kDim, random.vectors(kRows, kDim), GetParam());
  for (const float length : {1e-4f, 0.01f, 30.0f, 300.0f}) {
    auto queries = random.vectors(kQueries, kDim);
    for (auto& value : queries) value *= length;
    SearchOptions options;
    options.ef_search = 400;
    EXPECT_GE(recall(*index, queries, options), 0.95) << length << ": FAISS alone finds 0.96 at least";
  }
}

// Vectors ten times as long as all before: a new scale, or the far ones would all look alike.
TEST(GraphCodes, RowsAreLinkedByThoseOf8Bits) {
  Random random(318);
  const auto derived = [&](int64_t dim, bool whole) {
    auto x = random.vectors(kRows, dim);
    for (auto& value : x) value = whole ? std::min(255.0f, std::floor(std::fabs(value) * 60)) : value;
    return GraphCodes::derive(*filled("HNSW16", dim, x).index);
  };
  for (const int64_t dim : {32, 130}) {
    const auto codes = derived(dim, true);
    ASSERT_NE(codes, nullptr);
    ASSERT_NE(codes->linkable(), nullptr);
    EXPECT_EQ(static_cast<int64_t>(codes->linkable()->size()), kRows);
    const auto grown = codes->grown(2 * kRows);
    const std::vector<float> far(static_cast<size_t>(dim * 100), 1000.0f);
    grown->append(far.data(), 100);
    EXPECT_EQ(grown->linkable(), nullptr) << "too many do not fit";
  }
  const auto nibbles = derived(200, false);
  EXPECT_TRUE(nibbles == nullptr || nibbles->linkable() == nullptr);
}

TEST(GraphCodes, ThoseOf8BitsLinkSingleRowsAsWell) {
  constexpr int64_t kWide = 130, kMore = 600;
  Random random(319);
  auto x = random.vectors(kRows + kMore, kWide), queries = random.vectors(kQueries, kWide);
  for (auto* numbers : {&x, &queries}) {
    for (auto& value : *numbers) value = std::min(255.0f, std::floor(std::fabs(value) * 60));
  }
  const auto whole = index_of("HNSW16", kWide, x);
  const auto index = index_of("HNSW16", kWide, std::vector<float>(x.begin(), x.begin() + kRows * kWide));
  for (auto at = x.begin() + kRows * kWide; at < x.end(); at += kWide) {
    add_to(index, std::vector<float>(at, at + kWide));
  }
  SearchOptions options;
  options.ef_search = 40;
  EXPECT_GE(recall(*index, queries, options, kWide), recall(*whole, queries, options, kWide) - 0.03);
  const Answer last = ask(*index, std::vector<float>(x.end() - kWide, x.end()), options);
  EXPECT_EQ(last.ids[0], kRows + kMore - 1);
}

TEST(GraphCodes, TakeANewScaleWhenVectorsOutgrowIt) {
  Random random(315);
  const auto x = random.vectors(kRows, kDim);
  auto far = random.vectors(kRows, kDim);
  for (auto& value : far) value *= 10;
  const auto index = index_of("HNSW16", kDim, x);
  add_to(index, far);
  auto queries = random.vectors(kQueries, kDim);
  for (auto& value : queries) value *= 10;
  SearchOptions options;
  options.ef_search = 200;
  EXPECT_GE(recall(*index, queries, options), 0.66) << "FAISS alone finds 0.69";
}

}  // namespace

}  // namespace quiver::test
