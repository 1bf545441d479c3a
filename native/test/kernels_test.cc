// The kernels against plain arithmetic.
#include <cmath>
#include <set>

#include "kernels/byte_codes.h"
#include "kernels/byte_dots.h"
#include "kernels/graph_walk.h"
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

TEST(ByteCodes, OrderRowsNearlyAsTheVectorsDo) {
  Random random(303);
  constexpr size_t kDim = 96, kRows = 500;
  const auto x = random.vectors(kRows, kDim);
  for (const bool similarity : {false, true}) {
    ByteCodes codes(kDim, ByteScale::of(x.data(), kRows, kDim, similarity), similarity);
    codes.append(x.data(), kRows);
    EXPECT_EQ(codes.clipped(), 0u);
    size_t found = 0;
    for (size_t q = 0; q < 50; q++) {
      const float* query = x.data() + q * 10 * kDim;
      ByteQuery prepared;
      codes.prepare(query, prepared);
      EXPECT_FALSE(prepared.exact);
      std::vector<std::pair<double, int32_t>> by_codes, by_vectors;
      for (int32_t row = 0; row < static_cast<int32_t>(kRows); row++) {
        int32_t score;
        codes.scores(prepared, &row, 1, &score);
        by_codes.emplace_back(score, row);
        const float distance = exact_distance(query, x.data() + static_cast<size_t>(row) * kDim, kDim, similarity);
        by_vectors.emplace_back(similarity ? -distance : distance, row);
      }
      std::sort(by_codes.begin(), by_codes.end());
      std::sort(by_vectors.begin(), by_vectors.end());
      std::set<int32_t> best;
      for (size_t i = 0; i < 20; i++) best.insert(by_codes[i].second);
      for (size_t i = 0; i < 10; i++) found += best.count(by_vectors[i].second);
    }
    EXPECT_GE(found, 495u) << "of 500 nearest among twice as many by codes";
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
  for (int turn = 0; turn < 300; turn++) {  // the marks of what was seen wrap around
    codes.prepare(x.data() + static_cast<size_t>(turn) * kDim, space.query);
    walk(graph, codes, turn % 7, turn % 2 == 0 ? kRows : 5, space);
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

}  // namespace

}  // namespace quiver::test
