// The kernels against plain arithmetic.
#include <cmath>
#include <cstring>
#include <set>

#include "kernels/byte_codes.h"
#include "kernels/byte_dots.h"
#include "kernels/graph_walk.h"
#include "kernels/nibble_codes.h"
#include "kernels/projection.h"
#include "test/support.h"

namespace quiver::test {

namespace {

using namespace quiver::kernels;  // NOLINT(google-build-using-namespace): all of it is what this file is about

TEST(ByteDots, EveryLevelGivesTheSame) {
  Random random(301);
  for (const size_t stride : {64u, 128u, 192u, 832u, 8192u}) {
    constexpr size_t kRows = 20;
    AlignedBytes codes(kRows * stride), query(stride);
    for (auto& byte : codes) byte = static_cast<uint8_t>(random.below(256));
    for (auto& byte : query) byte = static_cast<uint8_t>(random.below(256));
    // The largest sums that there are, of either sign.
    std::fill_n(codes.begin(), 2 * stride, uint8_t{255});
    const auto* signed_query = reinterpret_cast<const int8_t*>(query.data());
    std::vector<int32_t> rows, expected, found;
    for (size_t i = 0; i < kRows; i++) rows.push_back(static_cast<int32_t>((i * 7) % kRows));
    for (const int extreme : {0, -128, 127}) {
      if (extreme != 0) std::fill(query.begin(), query.end(), static_cast<uint8_t>(extreme));
      expected.assign(kRows, 0);
      for (size_t i = 0; i < kRows; i++) {
        for (size_t j = 0; j < stride; j++) {
          expected[i] += static_cast<int32_t>(codes[static_cast<size_t>(rows[i]) * stride + j]) * signed_query[j];
        }
      }
      std::vector<ByteDots> all = {levels::byte_dots_plain, byte_dots()};
      if (__builtin_cpu_supports("avx2") != 0) all.push_back(levels::byte_dots_avx2);
      if (__builtin_cpu_supports("avx512vnni") != 0) all.push_back(levels::byte_dots_vnni);
      for (const ByteDots dots : all) {
        found.assign(kRows, 0);
        dots(codes.data(), stride, rows.data(), kRows, signed_query, found.data());
        EXPECT_EQ(found, expected) << "stride " << stride;
      }
    }
  }
}

TEST(NibbleDots, EveryLevelGivesTheSame) {
  Random random(306);
  for (const size_t stride : {64u, 128u, 192u, 448u, 4096u}) {
    constexpr size_t kRows = 20;
    AlignedBytes codes(kRows * stride), query(2 * stride);
    for (auto& byte : codes) byte = static_cast<uint8_t>(random.below(256));
    for (auto& byte : query) byte = static_cast<uint8_t>(static_cast<int>(random.below(255)) - 127);
    std::fill_n(codes.begin(), 2 * stride, uint8_t{255});
    const auto* weights = reinterpret_cast<const int8_t*>(query.data());
    std::vector<int32_t> rows;
    for (size_t i = 0; i < kRows; i++) rows.push_back(static_cast<int32_t>((i * 7) % kRows));
    for (const int extreme : {0, -127, 127}) {
      if (extreme != 0) std::fill(query.begin(), query.end(), static_cast<uint8_t>(extreme));
      std::vector<int32_t> expected(kRows, 0);
      for (size_t i = 0; i < kRows; i++) {
        for (size_t j = 0; j < 2 * stride; j++) {
          const uint8_t both = codes[static_cast<size_t>(rows[i]) * stride + j / 128 * 64 + j % 64];
          expected[i] += (j % 128 < 64 ? both & 15 : both >> 4) * weights[j];
        }
      }
      std::vector<NibbleDots> all = {levels::nibble_dots_plain, nibble_dots()};
      if (__builtin_cpu_supports("avx2") != 0) all.push_back(levels::nibble_dots_avx2);
      if (__builtin_cpu_supports("avx512vnni") != 0) all.push_back(levels::nibble_dots_vnni);
      for (const NibbleDots dots : all) {
        std::vector<int32_t> found(kRows, 0);
        dots(codes.data(), stride, rows.data(), kRows, weights, found.data());
        EXPECT_EQ(found, expected) << "stride " << stride;
      }
    }
  }
}

float exact_distance(const float* a, const float* b, size_t dim, bool similarity) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) {
    sum += similarity ? static_cast<double>(a[i]) * b[i] : (static_cast<double>(a[i]) - b[i]) * (a[i] - b[i]);
  }
  return static_cast<float>(sum);
}

TEST(ByteCodes, WholeNumbersLoseNothing) {
  Random random(302);
  for (const bool similarity : {false, true}) {
    for (const size_t dim : {1u, 63u, 64u, 100u, 784u}) {
      constexpr size_t kRows = 30;
      std::vector<float> x(kRows * dim);
      for (auto& value : x) value = static_cast<float>(random.below(256));
      ByteCodes codes(dim, ByteScale::of(x.data(), kRows, dim, similarity), similarity);
      ASSERT_TRUE(codes.exact());
      codes.append(x.data(), kRows);
      ByteQuery query;
      codes.prepare(x.data() + 3 * dim, query);
      ASSERT_TRUE(query.exact);
      for (int32_t row = 0; row < 30; row++) {
        int32_t score;
        codes.scores(query, &row, 1, &score);
        const float wanted =
            exact_distance(x.data() + static_cast<size_t>(row) * dim, x.data() + 3 * dim, dim, similarity);
        EXPECT_EQ(codes.distance(query, score), wanted) << "dim " << dim << ", row " << row;
      }
      x[0] = 0.5f;
      codes.prepare(x.data(), query);
      EXPECT_FALSE(query.exact);
    }
  }
}

// Of the 10 nearest to each of 50 queries, those among the `kept` nearest by codes.
template <class Codes, class Query>
size_t kept_by(const Codes& codes, const std::vector<float>& x, size_t dim, bool similarity, size_t kept) {
  const size_t rows = x.size() / dim;
  size_t found = 0;
  for (size_t q = 0; q < 50; q++) {
    // Between two rows, so that none is the answer.
    std::vector<float> query(dim);
    for (size_t j = 0; j < dim; j++) query[j] = (x[q * 10 * dim + j] + x[(q * 10 + 1) * dim + j]) / 2;
    Query prepared;
    codes.prepare(query.data(), prepared);
    std::vector<std::pair<double, int32_t>> by_codes, by_vectors;
    for (int32_t row = 0; row < static_cast<int32_t>(rows); row++) {
      int32_t score;
      codes.scores(prepared, &row, 1, &score);
      by_codes.emplace_back(score, row);
      const float distance = exact_distance(query.data(), x.data() + static_cast<size_t>(row) * dim, dim, similarity);
      by_vectors.emplace_back(similarity ? -distance : distance, row);
    }
    std::sort(by_codes.begin(), by_codes.end());
    std::sort(by_vectors.begin(), by_vectors.end());
    std::set<int32_t> best;
    for (size_t i = 0; i < kept; i++) best.insert(by_codes[i].second);
    for (size_t i = 0; i < 10; i++) found += best.count(by_vectors[i].second);
  }
  return found;
}

TEST(ByteCodes, OrderRowsNearlyAsTheVectorsDo) {
  Random random(303);
  constexpr size_t kDim = 96, kRows = 500;
  const auto x = random.vectors(kRows, kDim);
  for (const bool similarity : {false, true}) {
    ByteCodes codes(kDim, ByteScale::of(x.data(), kRows, kDim, similarity), similarity);
    codes.append(x.data(), kRows);
    EXPECT_EQ(codes.clipped(), 0u);
    EXPECT_GE((kept_by<ByteCodes, ByteQuery>(codes, x, kDim, similarity, 20)), 495u);
  }
}

// Components of all sizes and far from zero, as raw features are: each has a scale of its own.
TEST(NibbleCodes, OrderRowsNearlyAsTheVectorsDo) {
  Random random(307);
  constexpr size_t kRows = 500;
  for (const size_t dim : {1u, 64u, 100u, 128u, 130u, 300u}) {
    auto x = random.vectors(kRows, dim);
    for (size_t i = 0; i < x.size(); i++) x[i] = x[i] * static_cast<float>(1 + i % dim % 3) + 4;
    for (const bool similarity : {false, true}) {
      NibbleCodes codes(NibbleScale::of(x.data(), kRows, dim), similarity);
      codes.append(x.data(), kRows);
      EXPECT_EQ(codes.size(), kRows);
      const size_t wanted = dim < 64 ? 250 : 480;
      EXPECT_GE((kept_by<NibbleCodes, NibbleQuery>(codes, x, dim, similarity, 30)), wanted)
          << "dim " << dim << ", similarity " << similarity;
    }
  }
}

TEST(NibbleCodes, TakeExtremesWithoutHarm) {
  Random random(308);
  constexpr size_t kDim = 130, kRows = 40;
  std::vector<std::vector<float>> sets(5, std::vector<float>(kRows * kDim, 0));
  std::fill(sets[1].begin(), sets[1].end(), 3.0f);
  for (auto& value : sets[2]) value = 1e18f * static_cast<float>(static_cast<int>(random.below(3)) - 1);
  for (auto& value : sets[3]) value = 1e-40f * static_cast<float>(random.below(100));
  sets[4][7] = 1e15f;
  for (const auto& x : sets) {
    for (const bool similarity : {false, true}) {
      NibbleCodes codes(NibbleScale::of(x.data(), kRows, kDim), similarity);
      codes.append(x.data(), kRows);
      for (const float size : {0.0f, 1e-40f, 1.0f, 1e18f}) {
        const std::vector<float> query(kDim, size);
        NibbleQuery prepared;
        codes.prepare(query.data(), prepared);
        EXPECT_TRUE(std::isfinite(prepared.bias_factor));
        std::vector<int32_t> rows(kRows), scores(kRows);
        for (size_t i = 0; i < kRows; i++) rows[i] = static_cast<int32_t>(i);
        codes.scores(prepared, rows.data(), kRows, scores.data());
      }
    }
  }
}

TEST(NibbleCodes, CountWhatIsFarOutAndGrowAndShrink) {
  Random random(309);
  constexpr size_t kDim = 128, kRows = 200;
  const auto x = random.vectors(kRows, kDim);
  NibbleCodes codes(NibbleScale::of(x.data(), kRows, kDim), false);
  codes.append(x.data(), kRows);
  EXPECT_EQ(codes.clipped(), 0u);
  EXPECT_EQ(codes.components(), kRows * kDim);
  EXPECT_FALSE(codes.has_room(1000));
  codes = codes.grown(1000);
  EXPECT_TRUE(codes.has_room(1000));
  const std::vector<float> far(kDim, 1000);
  codes.append(far.data(), 1);
  EXPECT_EQ(codes.clipped(), kDim);
  const auto score_of = [&](int32_t row) {
    NibbleQuery query;
    codes.prepare(x.data(), query);
    int32_t score;
    codes.scores(query, &row, 1, &score);
    return score;
  };
  const int32_t before = score_of(5);
  codes.truncate(5);
  codes.truncate(9);
  EXPECT_EQ(codes.size(), 5u);
  codes.append(x.data() + 5 * kDim, 1);
  EXPECT_EQ(score_of(5), before) << "nothing is left of a row that was cut off";
}

TEST(Projection, IsTheProductWithItsBasis) {
  Random random(310);
  for (const size_t dim : {1u, 70u, 784u}) {
    const size_t size = std::min<size_t>(dim, 40);
    auto basis = random.vectors(static_cast<int64_t>(size), static_cast<int64_t>(dim));
    const auto mean = random.vectors(1, static_cast<int64_t>(dim)), x = random.vectors(1, static_cast<int64_t>(dim));
    for (size_t i = 0; i < size; i++) {
      double length = 0;
      for (size_t j = 0; j < dim; j++) length += static_cast<double>(basis[i * dim + j]) * basis[i * dim + j];
      for (size_t j = 0; j < dim; j++) basis[i * dim + j] /= static_cast<float>(std::sqrt(length));
    }
    const Projection projection(basis.data(), mean.data(), size, dim);
    std::vector<float> y(size);
    projection.apply(x.data(), y.data());
    double length = 0;
    for (size_t j = 0; j < dim; j++) length += static_cast<double>(x[j]) * x[j];
    for (size_t i = 0; i < size; i++) {
      double wanted = 0;
      for (size_t j = 0; j < dim; j++) wanted += (static_cast<double>(x[j]) - mean[j]) * basis[i * dim + j];
      EXPECT_NEAR(y[i], wanted, 0.02 * std::sqrt(length)) << "dim " << dim;
    }
  }
}

TEST(ByteCodes, CountWhatDoesNotFitAndGrowAndShrink) {
  const std::vector<float> x = {-1, 0.5f, 1, 0.25f};
  ByteCodes codes(2, ByteScale::of(x.data(), 2, 2, false), false);
  codes.append(x.data(), 2);
  EXPECT_EQ(codes.clipped(), 0u);
  const std::vector<float> far = {3, 0, 0, -9};
  EXPECT_FALSE(codes.has_room(1000));
  codes = codes.grown(1000);
  EXPECT_TRUE(codes.has_room(1000));
  codes.append(far.data(), 2);
  EXPECT_EQ(codes.clipped(), 2u);
  EXPECT_EQ(codes.size(), 4u);
  codes.truncate(1);
  codes.truncate(3);
  EXPECT_EQ(codes.size(), 1u);
}

TEST(ByteCodes, CountWhatIsRoundedWhereTheyAreToBeExact) {
  const std::vector<float> whole = {1, 2, 3, 255}, other = {1, 2.5f};
  ByteCodes codes(2, ByteScale::of(whole.data(), 2, 2, false), false);
  ASSERT_TRUE(codes.exact());
  codes.append(whole.data(), 2);
  ByteQuery query;
  codes.prepare(whole.data(), query);
  EXPECT_TRUE(query.exact);
  codes.append(other.data(), 1);
  codes.prepare(whole.data(), query);
  EXPECT_FALSE(query.exact);
}

TEST(ByteCodes, KnowQueriesThatDoNotFit) {
  const std::vector<float> x = {-1, 0.5f, 1, 0.25f};
  const std::vector<float> near = {1.01f, -1}, far = {1.5f, 0};
  const ByteCodes distances(2, ByteScale::of(x.data(), 2, 2, false), false);
  EXPECT_TRUE(distances.covers(x.data()));
  EXPECT_TRUE(distances.covers(near.data()));
  EXPECT_FALSE(distances.covers(far.data()));
  const ByteCodes products(2, ByteScale::of(x.data(), 2, 2, true), true);
  EXPECT_TRUE(products.covers(far.data())) << "length does not matter";
}

// A ring: each node knows the next two. With room for all, all are found, nearest first.
TEST(Walk, FindsAllThatCanBeReachedNearestFirst) {
  Random random(304);
  constexpr size_t kRows = 300, kDim = 8, kWidth = 3;
  const auto x = random.vectors(kRows, kDim);
  ByteCodes codes(kDim, ByteScale::of(x.data(), kRows, kDim, false), false);
  codes.append(x.data(), kRows);
  std::vector<int32_t> links;
  std::vector<size_t> offsets;
  for (size_t i = 0; i < kRows; i++) {
    offsets.push_back(links.size());
    for (const size_t next : {i + 1, i + 2}) links.push_back(static_cast<int32_t>(next % kRows));
    links.push_back(-1);
  }
  const GraphView graph{links.data(), offsets.data(), kWidth, kRows};
  WalkSpace space;
  ByteQuery query;
  for (int turn = 0; turn < 300; turn++) {  // the marks of what was seen wrap around
    codes.prepare(x.data() + static_cast<size_t>(turn) * kDim, query);
    walk(graph, codes, query, turn % 7, turn % 2 == 0 ? kRows : 5, space);
    ASSERT_EQ(space.pool.size(), turn % 2 == 0 ? kRows : 5);
    std::set<int32_t> rows;
    for (size_t i = 0; i < space.pool.size(); i++) {
      rows.insert(space.pool[i].row);
      if (i > 0) ASSERT_LE(space.pool[i - 1].score, space.pool[i].score);
    }
    ASSERT_EQ(rows.size(), space.pool.size());
    if (turn % 2 == 0) ASSERT_EQ(space.pool[0].row, turn);
  }
}

// Those of all that were met that pass, nearest first; the candidates stay what they are without a filter.
TEST(Walk, FilteredFindsAllThatPassesOfWhatItMet) {
  Random random(306);
  constexpr size_t kRows = 300, kDim = 8, kWidth = 5;
  const auto x = random.vectors(kRows, kDim);
  ByteCodes codes(kDim, ByteScale::of(x.data(), kRows, kDim, false), false);
  codes.append(x.data(), kRows);
  std::vector<int32_t> links;
  std::vector<size_t> offsets;
  for (size_t i = 0; i < kRows; i++) {
    offsets.push_back(links.size());
    for (const size_t far : {1, 7, 50, 131}) links.push_back(static_cast<int32_t>((i + far) % kRows));
    links.push_back(-1);
  }
  const GraphView graph{links.data(), offsets.data(), kWidth, kRows};
  WalkSpace filtered, plain;
  ByteQuery query;
  for (int turn = 0; turn < 60; turn++) {
    std::vector<uint64_t> words(static_cast<size_t>(random.below(6)));  // too few: the rest are 0
    for (auto& word : words) word = static_cast<uint64_t>(random.below(int64_t{1} << 62));
    const RowFilter filter{words.data(), words.size(), turn % 2 == 0};
    const auto most = static_cast<size_t>(1 + random.below(40));
    codes.prepare(random.vectors(1, kDim).data(), query);
    for (const size_t ef : {kRows, size_t{12}}) {
      walk_filtered(graph, codes, query, 3, ef, filter, most, filtered);
      walk(graph, codes, query, 3, ef, plain);
      ASSERT_EQ(filtered.pool.size(), plain.pool.size());
      std::vector<int32_t> wanted, found;
      for (size_t i = 0; i < plain.pool.size(); i++) {
        ASSERT_EQ(filtered.pool[i].row, plain.pool[i].row);
        const auto word = static_cast<size_t>(plain.pool[i].row / 64);
        const bool bit = word < words.size() && ((words[word] >> (plain.pool[i].row % 64)) & 1) != 0;
        ASSERT_EQ(filter.passes(plain.pool[i].row), bit == filter.wanted);
        if (bit == filter.wanted && wanted.size() < most) wanted.push_back(plain.pool[i].score);
      }
      for (const auto& [score, row] : filtered.found) {
        ASSERT_TRUE(filter.passes(row));
        if (!found.empty()) ASSERT_LE(found.back(), score);
        found.push_back(score);
      }
      ASSERT_LE(found.size(), most);
      if (ef == kRows) {
        ASSERT_EQ(found, wanted) << "all were met";
      } else {
        ASSERT_GE(found.size(), wanted.size());
        for (size_t i = 0; i < wanted.size(); i++) ASSERT_LE(found[i], wanted[i]) << "no candidate that passes is lost";
      }
    }
  }
}

// The same numbers at an odd address, as in an index that is a view of a file.
template <typename T>
class Shifted {
 public:
  explicit Shifted(const std::vector<T>& numbers) : bytes_(numbers.size() * sizeof(T) + 1) {
    std::memcpy(bytes_.data() + 1, numbers.data(), numbers.size() * sizeof(T));
  }
  const T* data() const { return reinterpret_cast<const T*>(bytes_.data() + 1); }

 private:
  std::vector<char> bytes_;
};

TEST(Walk, VectorsAndLinksMayLieAtAnyAddress) {
  constexpr size_t kRows = 100, kDim = 24, kWidth = 4;
  Random random(305);
  const auto x = random.vectors(kRows, kDim);
  std::vector<int32_t> links;
  std::vector<size_t> offsets;
  for (size_t i = 0; i < kRows; i++) {
    offsets.push_back(links.size());
    for (const size_t far : {1, 9, 31}) links.push_back(static_cast<int32_t>((i + far) % kRows));
    links.push_back(-1);
  }
  const Shifted<float> shifted_x(x);
  const Shifted<int32_t> shifted_links(links);
  const auto found = [&](const float* vectors, const int32_t* neighbours) {
    ByteCodes codes(kDim, ByteScale::of(vectors, kRows, kDim, false), false);
    codes.append(vectors, kRows);
    WalkSpace space;
    ByteQuery query;
    codes.prepare(x.data(), query);
    walk({neighbours, offsets.data(), kWidth, kRows}, codes, query, 50, 20, space);
    std::vector<std::pair<int32_t, int32_t>> best;
    for (const auto& [score, row] : space.pool) best.emplace_back(score, row);
    return best;
  };
  EXPECT_EQ(found(shifted_x.data(), shifted_links.data()), found(x.data(), links.data()));
}

}  // namespace

}  // namespace quiver::test
