#include "core/factory.h"

#include "core/structure.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

constexpr Metric kAllMetrics[] = {
    Metric::kL2,       Metric::kInnerProduct, Metric::kCosine,        Metric::kL1,     Metric::kLinf, Metric::kLp,
    Metric::kCanberra, Metric::kBrayCurtis,   Metric::kJensenShannon, Metric::kJaccard};

// The message, code, expected and actual value of what `call` throws.
Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error("nothing", "nothing was thrown");
}

TEST(Metric, EachNameIsFoundAgain) {
  for (const Metric metric : kAllMetrics) EXPECT_EQ(metric_from_name(metric_name(metric)), metric);
}

TEST(Metric, AnUnknownNameIsAnErrorThatNamesThemAll) {
  const Error error = error_of([] { metric_from_name("L2"); });
  EXPECT_STREQ(error.code, code::kArgument);
  EXPECT_STREQ(error.what(),
               "There is no metric \"L2\". Choose one of l2, ip, cosine, l1, linf, lp, canberra, braycurtis, "
               "jensenshannon, jaccard.");
  EXPECT_EQ(error.actual, "L2");
}

TEST(Metric, SimilaritiesAreLargerWhenNearer) {
  for (const Metric metric : kAllMetrics) {
    const bool expected = metric == Metric::kInnerProduct || metric == Metric::kCosine || metric == Metric::kJaccard;
    EXPECT_EQ(is_similarity(metric), expected) << metric_name(metric);
  }
}

// What each metric means, computed in double precision.
double reference(Metric metric, float p, const float* a, const float* b) {
  double sum = 0, largest = 0, above = 0, below = 0;
  for (int64_t i = 0; i < kDim; i++) {
    const double x = a[i], y = b[i], difference = std::abs(x - y);
    largest = std::max(largest, difference);
    if (metric == Metric::kL2) sum += difference * difference;
    if (metric == Metric::kInnerProduct || metric == Metric::kCosine) sum += x * y;
    if (metric == Metric::kL1) sum += difference;
    if (metric == Metric::kLp) sum += std::pow(difference, p);
    if (metric == Metric::kCanberra) sum += difference / (std::abs(x) + std::abs(y));
    if (metric == Metric::kJensenShannon) {
      const double middle = (x + y) / 2;
      sum += 0.5 * (x * std::log(x / middle) + y * std::log(y / middle));
    }
    above += metric == Metric::kJaccard ? std::min(x, y) : difference;
    below += metric == Metric::kJaccard ? std::max(x, y) : std::abs(x + y);
  }
  if (metric == Metric::kLinf) return largest;
  if (metric == Metric::kBrayCurtis || metric == Metric::kJaccard) return above / below;
  return sum;
}

TEST(Factory, FlatAnswersByEachMetric) {
  Random random(61);
  auto positive = [&](int64_t n) {
    auto x = random.vectors(n, kDim);
    for (auto& value : x) value = std::abs(value) + 0.01f;
    return x;
  };
  const auto x = positive(200), queries = positive(5);
  for (const Metric metric : kAllMetrics) {
    SCOPED_TRACE(metric_name(metric));
    Spec spec = spec_of("Flat", kDim, metric);
    spec.metric_arg = 3;
    const auto index = make_index(spec);
    index->add(200, x.data());
    std::vector<int64_t> rows(5 * 4);
    std::vector<float> distances(rows.size());
    index->search(5, queries.data(), 4, distances.data(), rows.data());
    for (int64_t q = 0; q < 5; q++) {
      std::vector<double> all;
      for (int64_t i = 0; i < 200; i++) {
        all.push_back(reference(metric, 3, queries.data() + q * kDim, x.data() + i * kDim));
      }
      for (int64_t i = 0; i < 4; i++) {
        EXPECT_NEAR(distances[q * 4 + i], all[static_cast<size_t>(rows[q * 4 + i])], 1e-3);
      }
      std::sort(all.begin(), all.end());
      if (is_similarity(metric)) std::reverse(all.begin(), all.end());
      for (int64_t i = 0; i < 4; i++) EXPECT_NEAR(distances[q * 4 + i], all[static_cast<size_t>(i)], 1e-3);
    }
  }
}

TEST(Factory, MakesEveryKind) {
  for (const auto& factory : kinds()) {
    const auto index = make_index(spec_of(factory, kDim));
    EXPECT_EQ(index->d, kDim) << factory;
    EXPECT_EQ(index->ntotal, 0) << factory;
    EXPECT_EQ(index->metric_type, faiss::METRIC_L2) << factory;
  }
  EXPECT_EQ(make_index(spec_of("HNSW16", kDim, Metric::kCosine))->metric_type, faiss::METRIC_INNER_PRODUCT);
}

TEST(Factory, SetsParametersWhereverTheNestHasThem) {
  Spec spec = spec_of("PCA8,HNSW8", kDim);
  spec.ef_construction = 123;
  spec.ef_search = 77;
  const auto graph = make_index(spec);
  EXPECT_EQ(as_hnsw(base_of(graph.get()))->hnsw.efConstruction, 123);
  EXPECT_EQ(as_hnsw(base_of(graph.get()))->hnsw.efSearch, 77);
  set_parameters(graph.get(), 0, 50, 9);
  EXPECT_EQ(as_hnsw(base_of(graph.get()))->hnsw.efConstruction, 123) << "0 leaves a value as it is";
  EXPECT_EQ(as_hnsw(base_of(graph.get()))->hnsw.efSearch, 50);
  spec = spec_of("OPQ4,IVF8,PQ4x4", kDim);
  spec.nprobe = 3;
  const auto lists = make_index(spec);
  EXPECT_EQ(as_ivf(base_of(lists.get()))->nprobe, 3u);
  set_parameters(lists.get(), 0, 0, 1000);
  EXPECT_EQ(as_ivf(base_of(lists.get()))->nprobe, 8u) << "there are only 8 lists";
}

TEST(Factory, RefusesDimensionsOutOfRange) {
  for (const int64_t dim : {int64_t{0}, int64_t{-1}, int64_t{65537}, int64_t{1} << 31}) {
    const Error error = error_of([&] { make_index(spec_of("Flat", dim)); });
    EXPECT_STREQ(error.code, code::kDimension) << dim;
    EXPECT_EQ(error.what(), "dim must be an integer from 1 to 65,536, but is " + std::to_string(dim) + ".");
    EXPECT_EQ(error.expected, "1 to 65536");
    EXPECT_EQ(error.actual, std::to_string(dim));
  }
  EXPECT_EQ(make_index(spec_of("Flat", 65536))->d, 65536);
}

TEST(Factory, RefusesStringsThatMakeNothingUseful) {
  struct Case {
    const char* factory;
    const char* code;
    const char* message;
  };
  const Case cases[] = {
      {"", code::kArgument, "A FAISS factory string has 1 to 256 characters."},
      {"IDMap,Flat", code::kArgument, "Leave IDMap out of the factory string: every Quiver index takes ids by itself."},
      {"IDMap2,HNSW32", code::kArgument,
       "Leave IDMap out of the factory string: every Quiver index takes ids by itself."},
      {"NSG32,Flat", code::kUnsupported,
       "NSG and NNDescent graphs are built once and cannot grow; use HNSW (\"HNSW32,Flat\") instead."},
      {"IVF1000000000,Flat", code::kRange, "A number in the factory string \"IVF1000000000,Flat\" is too large."},
      {"HNSW99999999999999999999999", code::kRange,
       "A number in the factory string \"HNSW99999999999999999999999\" is too large."},
  };
  for (const auto& [factory, expected_code, message] : cases) {
    const Error error = error_of([&, factory = factory] { make_index(spec_of(factory, kDim)); });
    EXPECT_STREQ(error.code, expected_code) << factory;
    EXPECT_STREQ(error.what(), message);
  }
  EXPECT_EQ(code_of([] { make_index(spec_of(std::string(257, 'F'), kDim)); }), code::kArgument);
}

TEST(Factory, SaysWhatFaissSays) {
  for (const char* factory : {"Flatt", "HNSW16,Nothing", "PQ5", "IVF16,PQ3x4", "quite something else"}) {
    const Error error = error_of([&] { make_index(spec_of(factory, kDim)); });
    EXPECT_STREQ(error.code, code::kFaiss) << factory;
    const std::string start = std::string("FAISS cannot make an index from \"") + factory + "\" with dim 16: ";
    EXPECT_EQ(std::string(error.what()).substr(0, start.size()), start);
    EXPECT_GT(std::string(error.what()).size(), start.size()) << "and what it said";
  }
}

TEST(Factory, OtherMetricsAreForFlatOnly) {
  for (const char* factory : {"HNSW16", "IVF8,Flat", "SQ8"}) {
    const Error error = error_of([&] { make_index(spec_of(factory, kDim, Metric::kL1)); });
    EXPECT_STREQ(error.code, code::kUnsupported);
    EXPECT_STREQ(error.what(),
                 "The metric l1 works on type 'flat' only: graphs and lists of FAISS know l2, ip and cosine.");
    EXPECT_EQ(error.actual, factory);
  }
}

}  // namespace

}  // namespace quiver::test
