// Exact search by codes against the plainest one: every distance in floats, put in order by distance and row.
#include "core/flat_codes.h"

#include <faiss/utils/distances.h>

#include <cstring>
#include <limits>

#include "kernels/level.h"
#include "test/support.h"

namespace quiver::test {

namespace {

struct Found {
  std::vector<int64_t> rows;
  std::vector<float> distances;
};

Found by_floats(const faiss::IndexFlat& index, const std::vector<float>& queries, int64_t k,
                const FlatCodes::Allowed& allowed = nullptr) {
  Found found;
  const auto d = static_cast<size_t>(index.d);
  const bool similarity = index.metric_type == faiss::METRIC_INNER_PRODUCT;
  for (size_t q = 0; q < queries.size() / d; q++) {
    std::vector<std::pair<float, int64_t>> all;
    for (int64_t row = 0; row < index.ntotal; row++) {
      if (allowed && !allowed(row)) continue;
      const float* x = queries.data() + q * d;
      const float* y = index.get_xb() + static_cast<size_t>(row) * d;
      all.emplace_back(similarity ? -faiss::fvec_inner_product(x, y, d) : faiss::fvec_L2sqr(x, y, d), row);
    }
    std::sort(all.begin(), all.end());
    for (size_t i = 0; i < static_cast<size_t>(k); i++) {
      found.rows.push_back(i < all.size() ? all[i].second : -1);
      const float score = i < all.size() ? all[i].first : std::numeric_limits<float>::infinity();
      found.distances.push_back(similarity ? -score : score);
    }
  }
  return found;
}

std::unique_ptr<FlatCodes> codes_of(const faiss::IndexFlat& index, int64_t covered) {
  auto codes = FlatCodes::begin(index)->grown(covered);
  while (codes->rows() < covered) codes->append(codes->encode(index, std::min<int64_t>(1000, covered - codes->rows())));
  codes->serve();
  return codes;
}

void expect_same(const faiss::IndexFlat& index, const FlatCodes& codes, const std::vector<float>& queries, int64_t k,
                 const std::string& what, const FlatCodes::Allowed& allowed = nullptr) {
  const int64_t n = static_cast<int64_t>(queries.size()) / index.d;
  const Found wanted = by_floats(index, queries, k, allowed);
  for (const int threads : {1, 3}) {
    Found found{std::vector<int64_t>(static_cast<size_t>(n * k)), std::vector<float>(static_cast<size_t>(n * k))};
    // One by one, so that a query too far outside does not let the others go unseen.
    for (int64_t q = 0; q < n; q++) {
      const auto at = static_cast<size_t>(q * k);
      if (codes.search(index, 1, queries.data() + q * index.d, k, threads, allowed, found.rows.data() + at,
                       found.distances.data() + at)) {
        continue;
      }
      std::copy_n(wanted.rows.data() + at, k, found.rows.data() + at);
      std::copy_n(wanted.distances.data() + at, k, found.distances.data() + at);
    }
    EXPECT_EQ(found.rows, wanted.rows) << what;
    for (size_t i = 0; i < wanted.distances.size(); i++) {
      ASSERT_EQ(found.distances[i], wanted.distances[i]) << what;
    }
    if (codes.search(index, n, queries.data(), k, threads, allowed, found.rows.data(), found.distances.data())) {
      EXPECT_EQ(found.rows, wanted.rows) << what << ", together";
    }
  }
}

// Vectors near a plane of few dimensions, where few axes hold nearly all.
std::vector<float> low_rank(Random& random, int64_t n, int64_t dim, int64_t rank) {
  const auto axes = random.vectors(rank, dim);
  std::vector<float> x(static_cast<size_t>(n * dim));
  for (int64_t i = 0; i < n; i++) {
    for (int64_t a = 0; a < rank; a++) {
      const float c = random.normal();
      for (int64_t j = 0; j < dim; j++)
        x[static_cast<size_t>(i * dim + j)] += c * axes[static_cast<size_t>(a * dim + j)];
    }
    for (int64_t j = 0; j < dim; j++) x[static_cast<size_t>(i * dim + j)] += 0.05f * random.normal();
  }
  return x;
}

// Of length 1: where lengths differ much, a bound on inner products leaves too many.
std::vector<float> of_length_one(std::vector<float> x, int64_t dim) {
  normalize_vectors(x.size() / static_cast<size_t>(dim), static_cast<size_t>(dim), x.data());
  return x;
}

class FlatCodesData : public ::testing::TestWithParam<std::tuple<faiss::MetricType, int>> {};

TEST_P(FlatCodesData, FindsWhatFloatsFind) {
  const auto [metric, dim] = GetParam();
  constexpr int64_t kRows = 2701, kQueries = 9;
  Random random(700 + static_cast<uint64_t>(dim));
  using Change = std::function<void(std::vector<float>&, std::vector<float>&)>;
  const auto scaled = [](float by) {
    return [by](std::vector<float>& x, std::vector<float>& q) {
      for (auto& value : x) value *= by;
      for (auto& value : q) value *= by;
    };
  };
  const auto d = static_cast<size_t>(dim);
  const std::vector<std::pair<std::string, Change>> kinds = {
      {"plain", [](auto&, auto&) {}},
      {"huge", scaled(1e16f)},
      {"small", scaled(1e-16f)},
      {"denormal", scaled(1e-39f)},
      {"zeros", scaled(0)},
      {"far from the origin",
       [](auto& x, auto& q) {
         for (auto& value : x) value += 1000;
         for (auto& value : q) value += 1000;
       }},
      {"duplicates",
       [&](auto& x, auto& q) {
         for (size_t i = 0; i < x.size(); i++) x[i] = x[i % (7 * d)];
         std::copy_n(x.begin(), d, q.begin());
       }},
      {"whole numbers, many ties",
       [](auto& x, auto& q) {
         for (auto& value : x) value = std::nearbyint(value);
         for (auto& value : q) value = std::nearbyint(value);
       }},
      {"one row far away",
       [&](auto& x, auto&) {
         for (size_t j = 0; j < d; j++) x[17 * d + j] *= 1e6f;
       }},
      {"a tenth of the rows far away",
       [&](auto& x, auto&) {
         for (size_t i = 0; i < x.size(); i++) x[i] *= i / d % 10 == 0 ? 30.0f : 1.0f;
       }},
      {"queries far away",
       [](auto&, auto& q) {
         for (auto& value : q) value *= 100;
       }},
      {"queries that are rows, nearly",
       [](auto& x, auto& q) {
         for (size_t i = 0; i < q.size(); i++) q[i] = std::nextafter(x[i], 2.0f);
       }},
      {"constant", [](auto& x, auto&) { std::fill(x.begin(), x.end(), 0.3f); }},
  };
  for (const auto& [name, change] : kinds) {
    auto x = low_rank(random, kRows, dim, std::max(1, dim / 16));
    auto queries = low_rank(random, kQueries, dim, std::max(1, dim / 16));
    for (int64_t q = 1; q < kQueries; q += 2) {  // half of them near rows
      for (size_t j = 0; j < d; j++)
        queries[static_cast<size_t>(q) * d + j] = x[static_cast<size_t>(q) * d + j] * 0.97f;
    }
    change(x, queries);
    faiss::IndexFlat index(dim, metric);
    index.add(kRows, x.data());
    const std::string what = name + ", " + std::to_string(dim);
    const auto codes = codes_of(index, kRows);
    expect_same(index, *codes, queries, 10, what);
    expect_same(index, *codes_of(index, 2600), queries, 10, what + ", some rows without codes");
    expect_same(index, *codes, queries, 40, what + ", some dead", [](int64_t row) { return row % 3 != 0; });
    expect_same(index, *codes, queries, 40, what + ", nearly all dead", [](int64_t row) { return row % 999 == 5; });
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FlatCodesData,
                         ::testing::Combine(::testing::Values(faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT),
                                            ::testing::Values(1, 3, 17, 64, 129, 385, 600)));

TEST(FlatCodes, LookAtFewVectorsWhereFewAxesHoldNearlyAll) {
  Random random(720);
  // Rows and queries of one plane.
  const auto x = of_length_one(low_rank(random, 20020, 256, 16), 256);
  const std::vector<float> queries(x.end() - 20 * 256, x.end());
  for (const auto metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
    faiss::IndexFlat index(256, metric);
    index.add(20000, x.data());
    auto codes = codes_of(index, 20000);
    EXPECT_LE(codes->width(), 64u);
    EXPECT_TRUE(codes->approve(index));
    expect_same(index, *codes, queries, 10, "approved");
    EXPECT_LT(codes->looked(), 1500);
  }
}

TEST(FlatCodes, OfLongVectorsLeaveOutMoreByFinerOnes) {
  Random random(723);
  // Half of the variance is in axes that are not scanned.
  const auto mixed = [&](int64_t n) {
    auto x = low_rank(random, n, 600, 16);
    const auto more = low_rank(random, n, 600, 100);
    for (size_t i = 0; i < x.size(); i++) x[i] += 0.12f * more[i];
    return x;
  };
  auto x = mixed(20020);
  const std::vector<float> queries(x.end() - 20 * 600, x.end());
  faiss::IndexFlat index(600);
  index.add(20000, x.data());
  auto codes = codes_of(index, 20000);
  EXPECT_GT(codes->bytes(), 20000 * 2 * codes->width());
  expect_same(index, *codes, queries, 10, "finer");
  RecordProperty("looked", std::to_string(codes->looked()));
  EXPECT_LT(codes->looked(), 200);
}

TEST(FlatCodes, AreNotApprovedWhereNoBoundHelps) {
  Random random(721);
  faiss::IndexFlat same(64);
  same.add(5000, std::vector<float>(5000 * 64, 1.0f).data());
  EXPECT_FALSE(codes_of(same, 5000)->approve(same));
}

TEST(FlatCodes, FollowRowsThatMoveAndVectorsAtAnyAddress) {
  Random random(722);
  auto x = low_rank(random, 5000, 40, 5);
  const auto queries = low_rank(random, 9, 40, 5);
  faiss::IndexFlat index(40);
  index.add(5000, x.data());
  auto codes = codes_of(index, 4900);
  for (const auto& [from, to] : {std::pair<int64_t, int64_t>{4999, 3}, {4890, 7}, {4998, 4950}}) {
    std::copy_n(x.begin() + from * 40, 40, x.begin() + to * 40);
    codes->move(from, to);
  }
  x.resize(4890 * 40);
  codes->truncate(4890);
  std::vector<uint8_t> bytes(x.size() * 4 + 1);
  std::memcpy(bytes.data() + 1, x.data(), x.size() * 4);
  faiss::IndexFlat moved(40);
  moved.codes = faiss::MaybeOwnedVector<uint8_t>::create_view(bytes.data() + 1, x.size() * 4, nullptr);
  moved.ntotal = 4890;
  faiss::IndexFlat aligned(40);
  aligned.add(4890, x.data());
  expect_same(aligned, *codes, queries, 10, "moved");
  const auto found = [&](const faiss::IndexFlat& at) {
    std::vector<int64_t> rows(90);
    std::vector<float> distances(90);
    EXPECT_TRUE(codes_of(at, 4890)->search(at, 9, queries.data(), 10, 1, nullptr, rows.data(), distances.data()));
    return rows;
  };
  EXPECT_EQ(found(moved), found(aligned));
}

// --- as an index has them

constexpr int64_t kDim = 64, kRows = 9000;

class ExactIndex : public ::testing::TestWithParam<std::tuple<Metric, std::string>> {
 protected:
  SearchOptions exact() const {
    SearchOptions options;
    options.exact = true;
    return options;
  }
};

TEST_P(ExactIndex, AnswersAsBeforeThroughEveryChange) {
  if (kernels::level() < kernels::Level::kV3) GTEST_SKIP() << "plain loops do not pay on vectors so short";
  const auto [metric, factory] = GetParam();
  Random random(730);
  const auto x = of_length_one(low_rank(random, kRows, kDim, 8), kDim),
             more = of_length_one(low_rank(random, 3000, kDim, 8), kDim),
             queries = of_length_one(low_rank(random, 30, kDim, 8), kDim);
  const auto index = index_of(factory, kDim, x, metric);
  EXPECT_EQ(index->stats()->derived_bytes, 0u);
  // The same vectors, so short of searches that there are no codes.
  const auto same = [&](const char* when) {
    const auto bytes = on_strand(index, [&] { return index->to_bytes(Ticket()); });
    auto region = Region::allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), region->writable());
    Loaded loaded = Snapshot::from_region(region).load();
    const auto copy = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
    const Answer wanted = ask(*copy, queries, exact());
    EXPECT_EQ(copy->stats()->derived_bytes, 0u);
    const Answer found = ask(*index, queries, exact());
    EXPECT_EQ(found.ids, wanted.ids) << when;
    for (size_t i = 0; i < found.ids.size(); i++) {
      ASSERT_NEAR(found.distances[i], wanted.distances[i], tolerance(wanted.distances[i]) * 10) << when;
    }
  };
  const auto derived = [&] {
    for (int i = 0; i < 4; i++) ask(*index, queries, exact());
    settle(index);
    return index->stats()->derived_bytes;
  };
  EXPECT_GT(derived(), 0u);
  same("derived");
  add_to(index, more);
  same("after an add");
  EXPECT_GT(derived(), 0u);
  same("after codes had caught up");
  remove_from(index, counting(100));
  same("with dead rows");
  SearchOptions options = exact();
  options.filter = std::make_shared<Filter>(std::vector<Filter::Step>{{Filter::Op::kRange, {400, 8000}, {}, 0}});
  for (const int64_t id : ask(*index, queries, options).ids) EXPECT_TRUE(id >= 400 && id < 8000) << id;
  remove_from(index, counting(5000));
  settle(index);
  same("swept");
  add_to(index, more, counting(3000));
  settle(index);
  same("with vectors that took the place of others");
  on_strand(index, [&] { index->reset(); });
  EXPECT_EQ(ask(*index, queries, exact()).ids[0], -1);
  add_to(index, x);
  derived();
  same("emptied and filled again");
}

INSTANTIATE_TEST_SUITE_P(Kinds, ExactIndex,
                         ::testing::Combine(::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                                            ::testing::Values("Flat", "HNSW8")));

}  // namespace

}  // namespace quiver::test
