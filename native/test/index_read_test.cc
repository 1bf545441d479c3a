#include <limits>

#include "core/index_state.h"
#include "test/failing_memory.h"
#include "test/known_vectors.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

std::vector<int64_t> scattered(int64_t n) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < n; i++) ids.push_back(i * 37 % 1000 + (i / 1000) * 1000000);
  return ids;
}

TEST(IndexSearch, AnswersInIdsOfTheCallersOwn) {
  Random random(141);
  const auto x = random.vectors(1000, kDim);
  for (const std::string factory : {"Flat", "HNSW16", "IVF8,Flat"}) {
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
      SCOPED_TRACE(factory + ", " + metric_name(metric));
      const auto index = index_of(factory, kDim, {}, metric);
      if (!index->stats()->trained) {
        on_strand(index, [&] { index->train(staged(x, kDim), std::nullopt, Ticket()); });
      }
      const auto ids = scattered(1000);
      add_to(index, x, ids);
      Known known(kDim);
      known.put(ids, x);
      ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
    }
  }
}

TEST(IndexSearch, EqualDistancesComeInTheOrderOfIds) {
  const std::vector<float> same(20 * kDim, 1.0f);
  const auto index = index_of("Flat", kDim, {});
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 20; i++) ids.push_back(100 - i);
  add_to(index, same, ids);
  SearchOptions options;
  options.k = 20;
  const Answer answer = ask(*index, std::vector<float>(kDim, 0.5f), options);
  EXPECT_TRUE(std::is_sorted(answer.ids.begin(), answer.ids.end()));
}

TEST(IndexSearch, CosineIsATrueCosine) {
  Random random(142);
  auto x = random.vectors(200, kDim);
  for (int64_t i = 0; i < 200; i++) {
    for (int64_t j = 0; j < kDim; j++) x[static_cast<size_t>(i * kDim + j)] *= static_cast<float>(i + 1) * 1e3f;
  }
  const auto index = index_of("Flat", kDim, x, Metric::kCosine);
  SearchOptions options;
  options.k = 200;
  const Answer answer = ask(*index, std::vector<float>(x.begin(), x.begin() + kDim), options);
  EXPECT_EQ(answer.ids[0], 0);
  EXPECT_NEAR(answer.distances[0], 1.0f, 1e-6f);
  for (float cosine : answer.distances) {
    ASSERT_LE(cosine, 1.0f);
    ASSERT_GE(cosine, -1.0f);
  }
  // A zero vector has no direction: 0 to all.
  const Answer zero = ask(*index, std::vector<float>(kDim, 0.0f), options);
  for (float cosine : zero.distances) ASSERT_EQ(cosine, 0.0f);
}

TEST(IndexSearch, HelpersGiveWhatOneThreadGives) {
  Random random(143);
  const auto x = random.vectors(2000, kDim);
  for (const std::string factory : {"Flat", "HNSW16"}) {
    const auto index = index_of(factory, kDim, x);
    for (const int64_t n : {1, 31, 33, 500, 3001}) {
      const auto queries = random.vectors(n, kDim);
      const SearchOptions options;
      std::vector<int64_t> ids(static_cast<size_t>(n * options.k));
      std::vector<float> distances(ids.size());
      index->search_with_helpers(n, queries.data(), options, ids.data(), distances.data());
      const Answer alone = ask(*index, queries, options);
      // Batches of another size go through other kernels, which round differently.
      for (size_t i = 0; i < ids.size(); i++) {
        ASSERT_NEAR(distances[i], alone.distances[i], tolerance(alone.distances[i]));
      }
    }
  }
}

TEST(IndexSearch, AnErrorOfAHelperReachesTheCaller) {
  const auto index = index_of("Flat", kDim, Random(144).vectors(100, kDim));
  const auto queries = Random(145).vectors(3000, kDim);
  on_strand(index, [&] { index->free(); });
  std::vector<int64_t> ids(30000);
  std::vector<float> distances(30000);
  EXPECT_EQ(
      code_of([&] { index->search_with_helpers(3000, queries.data(), SearchOptions(), ids.data(), distances.data()); }),
      code::kClosed);
}

TEST(IndexSearch, TheThreadThatMustNotWaitDoesNot) {
  const auto x = Random(146).vectors(1500, kDim);
  const auto index = index_of("Flat", kDim, x);
  std::vector<int64_t> ids(10);
  std::vector<float> distances(10);
  EXPECT_TRUE(index->try_search(1, x.data(), SearchOptions(), ids.data(), distances.data()));
  EXPECT_EQ(ids[0], 0);
}

TEST(IndexSearch, AnEffortWithoutBoundTakesNoMemoryForIt) {
  const auto x = Random(147).vectors(500, kDim);
  const auto index = index_of("HNSW8", kDim, x);
  SearchOptions options;
  options.ef_search = 1 << 30;
  largest_allocation();
  const Answer answer = ask(*index, std::vector<float>(x.begin(), x.begin() + kDim), options);
  EXPECT_EQ(answer.ids[0], 0);
  EXPECT_LT(largest_allocation(), uint64_t{1} << 20);
  on_strand(index, [&] { index->set_parameters(0, 1 << 30, 0); });
  ask(*index, std::vector<float>(x.begin(), x.begin() + kDim), SearchOptions());
  // A filter widens it.
  options.filter = std::make_shared<Filter>(std::vector<Filter::Step>{{Filter::Op::kRange, {0, 400}, {}, 0}});
  ask(*index, std::vector<float>(x.begin(), x.begin() + kDim), options);
  EXPECT_LT(largest_allocation(), uint64_t{1} << 20);
}

TEST(IndexRange, FindsTheSameAsASearchOfAll) {
  Random random(148);
  const auto x = random.vectors(400, kDim), queries = random.vectors(6, kDim);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    for (const std::string factory : {"Flat", "HNSW8", "IVF4,Flat"}) {
      SCOPED_TRACE(factory + ", " + metric_name(metric));
      const auto index = index_of(factory, kDim, x, metric);
      remove_from(index, {3, 50});
      SearchOptions options;
      options.k = 398;
      options.exact = true;
      const Answer all = ask(*index, queries, options);
      for (const size_t place : {0, 10, 200}) {
        for (int64_t q = 0; q < 6; q++) {
          // Between two neighbours, where rounding does not matter.
          const float* d = all.distances.data() + q * 398;
          const float radius = (d[place] + d[place + 1]) / 2;
          const IdRangeHits hits = index->range(1, queries.data() + q * kDim, radius, 1 << 20, nullptr);
          ASSERT_EQ(hits.offsets, (std::vector<size_t>{0, place + 1})) << "query " << q;
          for (size_t i = 0; i <= place; i++) ASSERT_EQ(hits.ids[i], all.ids[static_cast<size_t>(q) * 398 + i]);
        }
      }
      const IdRangeHits everything =
          index->range(6, queries.data(), is_similarity(metric) ? -1e30f : 1e30f, 1 << 20, nullptr);
      EXPECT_EQ(everything.ids.size(), size_t{6 * 398});
      const Filter some({{Filter::Op::kRange, {0, 10}, {}, 0}});
      const IdRangeHits filtered =
          index->range(1, queries.data(), is_similarity(metric) ? -1e30f : 1e30f, 1 << 20, &some);
      EXPECT_EQ(filtered.ids.size(), 9u) << "0 to 9 without 3";
    }
  }
}

TEST(IndexRange, RefusesWhatFaissWouldNotSurvive) {
  const auto index = index_of("Flat", kDim, Random(149).vectors(50, kDim));
  std::vector<float> bad(kDim, 1.0f);
  bad[3] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(code_of([&] { index->range(1, bad.data(), 1.0f, 0, nullptr); }), code::kNotFinite);
  const auto scan = index_of("PQ4x4fs", kDim, Random(150).vectors(300, kDim));
  EXPECT_EQ(code_of([&] { scan->range(1, std::vector<float>(kDim, 1.0f).data(), 1.0f, 0, nullptr); }),
            code::kUnsupported);
}

TEST(IndexGet, ListsMustFirstBeMadeReadable) {
  const auto x = Random(151).vectors(300, kDim);
  const auto index = index_of("IVF8,Flat", kDim, x);
  EXPECT_EQ(index->get({1}), std::nullopt);
  on_strand(index, [&] { index->prepare_get(); });
  EXPECT_EQ(*index->get({1}), std::vector<float>(x.begin() + kDim, x.begin() + 2 * kDim));
  EXPECT_EQ(code_of([&] { index->get({1, 300}); }), code::kNotFound);
}

TEST(IndexGet, StaysReadableThroughEveryWrite) {
  Random random(152);
  const auto x = random.vectors(600, kDim);
  for (const std::string factory : {"IVF8,Flat", "PCA16,IVF8,Flat"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, x);
    on_strand(index, [&] { index->prepare_get(); });
    auto near = [&](int64_t id, const float* expected) {
      const auto got = index->get({id});
      ASSERT_TRUE(got.has_value());
      for (int64_t i = 0; i < kDim; i++) ASSERT_NEAR((*got)[static_cast<size_t>(i)], expected[i], 1e-3) << "id " << id;
    };
    remove_from(index, {0, 1});
    rebuild_now(index);  // copies lists
    ASSERT_NO_FATAL_FAILURE(near(599, x.data() + 599 * kDim));
    add_to(index, std::vector<float>(x.begin(), x.begin() + 5 * kDim), std::vector<int64_t>{900, 901, 902, 903, 904});
    ASSERT_NO_FATAL_FAILURE(near(902, x.data() + 2 * kDim)) << "new rows are in the map too";
    ASSERT_NO_FATAL_FAILURE(near(2, x.data() + 2 * kDim));
    on_strand(index, [&] { index->reset(); });
    add_to(index, x);
    ASSERT_NO_FATAL_FAILURE(near(17, x.data() + 17 * kDim));
  }
}

TEST(IndexHas, TellsForEachId) {
  const auto index = index_of("HNSW8", kDim, Random(153).vectors(50, kDim));
  remove_from(index, {7});
  EXPECT_EQ(index->has({0, 7, 49, 50, -1}), (std::vector<uint8_t>{1, 0, 1, 0, 0}));
  EXPECT_TRUE(index->has({}).empty());
}

}  // namespace

}  // namespace quiver::test
