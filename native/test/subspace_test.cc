// Subspaces of data whose rank is known.
#include "core/subspace.h"

#include "test/support.h"

namespace quiver::test {

namespace {

constexpr size_t kRows = 400, kDim = 90, kRank = 12;

// In kRank directions, far from the origin.
std::vector<float> of_low_rank(bool shifted) {
  Random random(320);
  const auto axes = random.vectors(kRank, kDim), at = random.vectors(kRows, kRank);
  std::vector<float> x(kRows * kDim, shifted ? 5.0f : 0.0f);
  for (size_t i = 0; i < kRows * kDim; i++) {
    for (size_t r = 0; r < kRank; r++) x[i] += at[i / kDim * kRank + r] * axes[r * kDim + i % kDim];
  }
  return x;
}

double product(const std::vector<float>& basis, size_t a, size_t b) {
  double sum = 0;
  for (size_t j = 0; j < kDim; j++) sum += static_cast<double>(basis[a * kDim + j]) * basis[b * kDim + j];
  return sum;
}

TEST(Subspace, HoldsAllOfDataOfItsRank) {
  for (const bool shifted : {false, true}) {
    const auto x = of_low_rank(shifted);
    const Subspace found = subspace_of(x.data(), kRows, kDim, kRank, shifted);
    EXPECT_NEAR(found.share, 1, 1e-4);
    EXPECT_NEAR(found.mean[3], shifted ? 5 : 0, 1);
    for (size_t a = 0; a < kRank; a++) {
      for (size_t b = 0; b < kRank; b++) EXPECT_NEAR(product(found.basis, a, b), a == b ? 1 : 0, 1e-4);
    }
  }
}

TEST(Subspace, TellsHowMuchItHolds) {
  Random random(321);
  const auto x = random.vectors(kRows, kDim);
  const double share = subspace_of(x.data(), kRows, kDim, kRank, true).share;
  EXPECT_GT(share, static_cast<double>(kRank) / kDim);
  EXPECT_LT(share, 0.4);
  const std::vector<float> nothing(kRows * kDim, 2);
  EXPECT_EQ(subspace_of(nothing.data(), kRows, kDim, kRank, true).share, 1);
}

}  // namespace

}  // namespace quiver::test
