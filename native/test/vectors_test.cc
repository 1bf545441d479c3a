#include "core/vectors.h"

#include <limits>

#include "test/support.h"

namespace quiver::test {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Vectors, RefusesWhatIsNotFiniteAtEveryPlace) {
  for (const size_t dim : {1, 3, 15, 16, 17, 33, 100}) {
    for (const float bad : {kNaN, kInfinity, -kInfinity}) {
      for (size_t at = 0; at < 2 * dim; at++) {
        std::vector<float> x(2 * dim, 0.5f);
        x[at] = bad;
        ASSERT_EQ(code_of([&] { check_vectors(2, dim, x.data()); }), code::kNotFinite) << "dim " << dim << " at " << at;
      }
    }
  }
}

TEST(Vectors, NamesTheVectorAndThePlace) {
  std::vector<float> x(4 * 8, 1.0f);
  x[2 * 8 + 5] = kNaN;
  const std::string message = message_of([&] { check_vectors(4, 8, x.data(), 100); });
  EXPECT_NE(message.find("Vector 102 "), std::string::npos) << message;
  EXPECT_NE(message.find("position 5"), std::string::npos) << message;
}

TEST(Vectors, BoundsTheNorm) {
  const float edge = static_cast<float>(std::sqrt(kMaxSquaredNorm));
  for (const size_t dim : {1, 16, 24}) {
    std::vector<float> x(dim, 0.0f);
    x[dim - 1] = edge * 0.999f;
    EXPECT_NO_THROW(check_vectors(1, dim, x.data()));
    x[dim - 1] = edge * 1.001f;
    EXPECT_EQ(code_of([&] { check_vectors(1, dim, x.data()); }), code::kNotFinite);
    x[dim - 1] = -1e20f;
    const std::string message = message_of([&] { check_vectors(1, dim, x.data()); });
    EXPECT_NE(message.find("too large"), std::string::npos) << message;
    x[dim - 1] = std::numeric_limits<float>::max();
    EXPECT_EQ(code_of([&] { check_vectors(1, dim, x.data()); }), code::kNotFinite);
  }
  // Many numbers that are each small enough add up.
  std::vector<float> many(1000, edge / 20);
  EXPECT_EQ(code_of([&] { check_vectors(1, many.size(), many.data()); }), code::kNotFinite);
}

TEST(Vectors, TwoAtTheBoundHaveAFiniteDistance) {
  constexpr int64_t kDim = 16;
  std::vector<float> x(2 * kDim, 0.0f);
  x[3] = static_cast<float>(std::sqrt(kMaxSquaredNorm)) * 0.9999f;
  x[kDim + 3] = -x[3];
  ASSERT_NO_THROW(check_vectors(2, kDim, x.data()));
  const Body body = filled("Flat", kDim, x);
  std::vector<float> distances(2);
  std::vector<int64_t> rows(2);
  body.index->search(1, x.data(), 2, distances.data(), rows.data());
  EXPECT_EQ(rows, (std::vector<int64_t>{0, 1}));
  EXPECT_TRUE(std::isfinite(distances[1])) << distances[1];
}

TEST(Vectors, TakesOrdinaryAndTinyNumbers) {
  std::vector<float> x = {0.0f, -0.0f, std::numeric_limits<float>::denorm_min(), 1e18f, -1e18f, 1e-30f};
  EXPECT_NO_THROW(check_vectors(1, x.size(), x.data()));
  EXPECT_NO_THROW(check_vectors(0, 4, nullptr));
}

TEST(Vectors, NormalisesToLengthOne) {
  Random random(3);
  constexpr size_t kDim = 24;
  for (const float scale : {1.0f, 1e-30f, 1e-42f, 1e17f}) {
    auto x = random.vectors(20, kDim);
    for (auto& value : x) value *= scale;
    // A vector that became zero stays zero.
    const auto before = x;
    normalize_vectors(20, kDim, x.data());
    for (size_t i = 0; i < 20; i++) {
      double sum = 0, was = 0;
      for (size_t j = 0; j < kDim; j++) {
        sum += double(x[i * kDim + j]) * x[i * kDim + j];
        was += std::abs(before[i * kDim + j]);
      }
      EXPECT_NEAR(sum, was > 0 ? 1.0 : 0.0, 1e-5) << "scale " << scale;
    }
  }
}

TEST(Vectors, LeavesAZeroVectorZero) {
  std::vector<float> x(2 * 8, 0.0f);
  x[8] = 3;
  x[9] = 4;
  normalize_vectors(2, 8, x.data());
  for (size_t i = 0; i < 8; i++) EXPECT_EQ(x[i], 0.0f);
  EXPECT_FLOAT_EQ(x[8], 0.6f);
  EXPECT_FLOAT_EQ(x[9], 0.8f);
}

TEST(Vectors, StagingCountsAcrossPieces) {
  Staging staging(4);
  for (const size_t n : {3, 1, 5}) {
    float* piece = staging.append(n);
    std::fill(piece, piece + n * 4, 2.0f);
  }
  EXPECT_EQ(staging.size(), 9u);
  EXPECT_EQ(staging.pieces(), 3u);
  EXPECT_EQ(staging.piece_size(2), 5u);
  EXPECT_NO_THROW(staging.check());
  staging.piece(2)[1 * 4 + 2] = kInfinity;
  const std::string message = message_of([&] { staging.check(); });
  EXPECT_NE(message.find("Vector 5 "), std::string::npos) << "3 + 1 come before it: " << message;
  staging.piece(2)[1 * 4 + 2] = 2.0f;
  staging.normalize();
  EXPECT_FLOAT_EQ(staging.piece(1)[0], 0.5f);
  staging.release(0);
  EXPECT_EQ(staging.piece(0), nullptr);
}

}  // namespace

}  // namespace quiver::test
