#include "core/searcher.h"

#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16, kRows = 3000, kQueries = 8;

struct Case {
  std::string factory;
  Metric metric;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& factory : kinds()) cases.push_back({factory, Metric::kL2});
  for (const char* factory : {"Flat", "HNSW16", "IVF8,Flat", "SQ8", "IVF8,PQ4x4fs"}) {
    cases.push_back({factory, Metric::kInnerProduct});
  }
  return cases;
}

class SearcherKinds : public ::testing::TestWithParam<Case> {
 protected:
  // Built once a kind: training takes longer than the tests.
  void SetUp() override {
    const auto& [factory, metric] = GetParam();
    Random random(11);
    x_ = random.vectors(kRows, kDim);
    queries_ = random.vectors(kQueries, kDim);
    body_ = filled(factory, kDim, x_, metric);
    decoded_ = decode(body_, queries_);
  }

  Answer run(const RowSet* allowed, SearchOptions options) {
    Answer answer{std::vector<int64_t>(static_cast<size_t>(kQueries * options.k), -7),
                  std::vector<float>(static_cast<size_t>(kQueries * options.k), -7.0f)};
    const Shape shape(body_.index.get());
    Searcher(*body_.index, shape, body_.rows, allowed)
        .search(kQueries, queries_.data(), options, answer.ids.data(), answer.distances.data());
    return answer;
  }

  // A search with every setting, judged as far as the kind allows.
  void check(const RowSet* allowed, const std::string& what) {
    SCOPED_TRACE(what);
    const Metric metric = GetParam().metric;
    const auto rows = allowed_rows(body_, allowed);
    const bool restricted = allowed != nullptr || body_.rows.dead() > 0;
    for (const int64_t k : {1, 10, 100}) {
      for (const bool exact : {false, true}) {
        SCOPED_TRACE("k " + std::to_string(k) + (exact ? ", exact" : ""));
        SearchOptions options;
        options.k = k;
        options.exact = exact;
        options.nprobe = 4;
        options.ef_search = 64;
        const Answer answer = run(allowed, options);
        // A filter must never cost hits that exist; without one, lists that are not visited may leave places empty.
        ASSERT_NO_FATAL_FAILURE(expect_wellformed(rows, metric, kQueries, k, answer.ids.data(), answer.distances.data(),
                                                  restricted || exact));
        if (!has_plain_distances(*body_.index)) continue;
        if (exact && as_hnsw(base_of(body_.index.get())) == nullptr) {
          ASSERT_NO_FATAL_FAILURE(
              expect_exact(decoded_, metric, rows, kQueries, k, answer.ids.data(), answer.distances.data()));
        } else {
          const double share = recall(decoded_, metric, rows, kQueries, k, answer.ids.data());
          EXPECT_GE(share, exact ? 0.95 : 0.5) << GetParam().factory;
        }
      }
    }
  }

  std::vector<float> x_, queries_;
  Body body_;
  Decoded decoded_;
};

TEST_P(SearcherKinds, Unfiltered) {
  check(nullptr, "all rows");
}

TEST_P(SearcherKinds, FilteredAtEverySelectivity) {
  Random random(12);
  for (const double share : {0.0, 0.0004, 0.004, 0.04, 0.3, 0.8, 1.0}) {
    RowSet allowed(kRows);
    for (int64_t row = 0; row < kRows; row++) {
      if (random.chance(share)) allowed.set(row);
    }
    if (share == 0.0004) allowed.set(1234);
    check(&allowed, "filter that lets " + std::to_string(allowed.count()) + " of 3000 through");
  }
}

TEST_P(SearcherKinds, WithDeadRows) {
  Random random(13);
  for (int64_t row = 0; row < kRows; row++) {
    if (random.chance(0.3)) body_.rows.kill(row);
  }
  check(nullptr, "dead rows");
  RowSet allowed(kRows);
  for (int64_t row = 0; row < kRows; row++) {
    if (!body_.rows.is_dead(row) && random.chance(0.5)) allowed.set(row);
  }
  check(&allowed, "dead rows and a filter");
  // All but three: every graph and list is mostly dead.
  for (int64_t row : body_.rows.live_rows()) {
    if (row % 1000 != 7 && !body_.rows.is_dead(row)) body_.rows.kill(row);
  }
  check(nullptr, "nearly all rows dead");
}

TEST_P(SearcherKinds, MoreThanThereIs) {
  SearchOptions options;
  options.k = kRows + 50;
  options.exact = true;
  const Answer answer = run(nullptr, options);
  ASSERT_NO_FATAL_FAILURE(expect_wellformed(allowed_rows(body_, nullptr), GetParam().metric, kQueries, options.k,
                                            answer.ids.data(), answer.distances.data(), false));
  if (as_hnsw(base_of(body_.index.get())) == nullptr || GetParam().factory == "HNSW16") {
    for (int64_t q = 0; q < kQueries; q++) {
      const auto row = answer.ids.begin() + q * options.k;
      // FastScan rounds distances to 8 bits and drops a row whose rounded one is the worst of all.
      const int64_t dropped = GetParam().factory.find("fs") != std::string::npos ? 3 : 0;
      EXPECT_GE(std::count(row, row + options.k, -1), 50) << "query " << q;
      EXPECT_LE(std::count(row, row + options.k, -1), 50 + dropped) << "query " << q;
    }
  }
}

TEST_P(SearcherKinds, AnEmptyIndexHasNoHits) {
  body_.index->reset();
  body_.rows = RowIds();
  SearchOptions options;
  options.k = 5;
  const Answer answer = run(nullptr, options);
  EXPECT_EQ(std::count(answer.ids.begin(), answer.ids.end(), -1), kQueries * 5);
  const RowSet none(0);
  const Answer filtered = run(&none, options);
  EXPECT_EQ(std::count(filtered.ids.begin(), filtered.ids.end(), -1), kQueries * 5);
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  std::string name = info.param.factory + "_" + metric_name(info.param.metric);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, SearcherKinds, ::testing::ValuesIn(all_cases()), name_of);

TEST(Searcher, EfSearchAndNprobeOfACallHoldForTheCallOnly) {
  Random random(14);
  const auto x = random.vectors(2000, kDim);
  const auto queries = random.vectors(50, kDim);
  for (const std::string factory : {"HNSW8", "IVF32,Flat"}) {
    Body body = filled(factory, kDim, x);
    const Decoded decoded = decode(body, queries);
    std::vector<double> shares;
    for (const int effort : {1, 32, 1}) {
      SearchOptions options;
      options.nprobe = effort;
      options.ef_search = effort == 1 ? 10 : 200;
      std::vector<int64_t> rows(500);
      std::vector<float> distances(500);
      const Shape shape(body.index.get());
      Searcher(*body.index, shape, body.rows, nullptr)
          .search(50, queries.data(), options, rows.data(), distances.data());
      shares.push_back(recall(decoded, Metric::kL2, counting(2000), 50, 10, rows.data()));
    }
    EXPECT_GT(shares[1], 0.97) << factory;
    EXPECT_LT(shares[0], shares[1]) << factory;
    EXPECT_EQ(shares[0], shares[2]) << factory;
  }
}

// Many equal vectors link to each other only. What can still be reached is less than what was asked for.
TEST(Searcher, FindsWhatIslandsOfEqualVectorsHide) {
  constexpr int64_t kDirections = 12, kEqual = 40, kRows = kDirections * kEqual;
  std::vector<float> x(kRows * kDim, 0.0f);
  for (int64_t i = 0; i < kRows; i++) x[static_cast<size_t>(i * kDim + i / kEqual)] = 1.0f;
  const auto index = index_of("HNSW4", kDim, x);
  const auto found = [&](int64_t k) {
    SearchOptions options;
    options.k = k;
    const Answer answer = ask(*index, std::vector<float>(kDim, 0.25f), options);
    const std::set<int64_t> ids(answer.ids.begin(), answer.ids.end());
    return static_cast<int64_t>(ids.size()) - (ids.count(-1) > 0 ? 1 : 0);
  };
  EXPECT_EQ(found(kRows), kRows);
  std::vector<int64_t> dead;  // fewer than are swept
  for (int64_t i = 0; i < 200; i++) dead.push_back(i * 2);
  remove_from(index, dead);
  EXPECT_EQ(found(kRows), kRows - 200);
  EXPECT_EQ(found(100), 100);
}

TEST(Searcher, OptionsJoinOnlyWhenTheyAreTheSame) {
  const SearchOptions plain;
  EXPECT_TRUE(plain.joins(plain));
  const auto with = [](auto&& change) {
    SearchOptions options;
    change(options);
    return options;
  };
  EXPECT_FALSE(plain.joins(with([](auto& o) { o.k = 11; })));
  EXPECT_FALSE(plain.joins(with([](auto& o) { o.ef_search = 5; })));
  EXPECT_FALSE(plain.joins(with([](auto& o) { o.nprobe = 5; })));
  EXPECT_FALSE(plain.joins(with([](auto& o) { o.exact = true; })));
  EXPECT_FALSE(plain.joins(with([](auto& o) { o.threads = 1; })));
  const auto filter = std::make_shared<Filter>(std::vector<Filter::Step>{{Filter::Op::kRange, {0, 9}, {}, 0}});
  const auto filtered = with([&](auto& o) { o.filter = filter; });
  EXPECT_FALSE(plain.joins(filtered));
  EXPECT_FALSE(filtered.joins(filtered));
}

class RangeKinds : public ::testing::TestWithParam<Case> {};

TEST_P(RangeKinds, FindsAllWithinTheRadius) {
  const auto& [factory, metric] = GetParam();
  Random random(15);
  const auto queries = random.vectors(kQueries, kDim);
  Body body = filled(factory, kDim, random.vectors(1000, kDim), metric);
  const Decoded decoded = decode(body, queries);
  for (int round = 0; round < 3; round++) {
    RowSet some(1000);
    for (int64_t row = 0; row < 1000; row++) {
      if (round == 1 && random.chance(0.2)) body.rows.kill(row);
      if (!body.rows.is_dead(row) && random.chance(0.5)) some.set(row);
    }
    const RowSet* allowed = round == 2 ? &some : nullptr;
    const auto rows = allowed_rows(body, allowed);
    for (const float radius : metric == Metric::kL2 ? std::vector<float>{0.0f, 12.0f, 25.0f, 1e9f}
                                                    : std::vector<float>{1e9f, 5.0f, 0.0f, -1e9f}) {
      const Shape shape(body.index.get());
      const Searcher searcher(*body.index, shape, body.rows, allowed);
      const RangeHits hits = searcher.range(kQueries, queries.data(), radius, 1 << 20);
      ASSERT_EQ(hits.offsets.size(), size_t{kQueries + 1});
      ASSERT_EQ(hits.offsets.back(), hits.rows.size());
      for (int64_t q = 0; q < kQueries; q++) {
        const std::vector<int64_t> found(hits.rows.begin() + static_cast<int64_t>(hits.offsets[q]),
                                         hits.rows.begin() + static_cast<int64_t>(hits.offsets[q + 1]));
        for (int64_t row : rows) {
          const double d = distance_of(metric, decoded.dim, decoded.queries.data() + q * decoded.dim,
                                       decoded.rows.data() + row * decoded.dim);
          if (std::abs(d - radius) <= 10 * tolerance(d)) continue;  // at the edge rounding decides
          const bool expected = metric == Metric::kL2 ? d < radius : d > radius;
          ASSERT_EQ(std::count(found.begin(), found.end(), row), expected ? 1 : 0)
              << factory << ", radius " << radius << ", row " << row << " at " << d;
        }
        for (int64_t row : found) ASSERT_TRUE(std::binary_search(rows.begin(), rows.end(), row));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RangeKinds,
                         ::testing::Values(Case{"Flat", Metric::kL2}, Case{"Flat", Metric::kInnerProduct},
                                           Case{"HNSW16", Metric::kL2}, Case{"IVF8,Flat", Metric::kL2},
                                           Case{"IVF8,Flat", Metric::kInnerProduct}, Case{"SQ8", Metric::kL2},
                                           Case{"PQ4x4", Metric::kL2}, Case{"IVF8,SQ8", Metric::kL2},
                                           Case{"PCA8,Flat", Metric::kL2}),
                         name_of);

TEST(Searcher, FastScanHasNoRange) {
  Random random(16);
  const auto x = random.vectors(500, kDim);
  const Body body = filled("PQ4x4fs", kDim, x);
  const Shape shape(body.index.get());
  const Searcher searcher(*body.index, shape, body.rows, nullptr);
  EXPECT_EQ(code_of([&] { searcher.range(1, x.data(), 1, 0); }), code::kUnsupported);
}

}  // namespace

}  // namespace quiver::test
