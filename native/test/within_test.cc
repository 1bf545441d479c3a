#include "kernels/within.h"

#include <limits>

#include "test/support.h"

namespace quiver::test {

namespace {

TEST(Within, IsTheSameAtEveryLevel) {
  std::vector<kernels::NextWithin> levels = {kernels::levels::next_within_plain};
  if (__builtin_cpu_supports("avx2") != 0) levels.push_back(kernels::levels::next_within_avx2);
  if (__builtin_cpu_supports("avx512f") != 0) levels.push_back(kernels::levels::next_within_avx512);
  Random random(750);
  for (const size_t n : {0u, 1u, 7u, 16u, 17u, 63u, 64u, 65u, 300u}) {
    for (const double share : {0.0, 0.01, 0.5, 1.0}) {
      std::vector<int32_t> scores(n);
      for (auto& score : scores) {
        score = static_cast<int32_t>(random.chance(share) ? random.between(-9, 0) : random.between(1, 9));
      }
      for (const int32_t limit : {std::numeric_limits<int32_t>::min(), -4, 0, std::numeric_limits<int32_t>::max()}) {
        for (size_t from = 0; from <= n; from += 3) {
          size_t wanted = from;
          while (wanted < n && scores[wanted] > limit) wanted++;
          for (const auto level : levels) ASSERT_EQ(level(scores.data(), from, n, limit), wanted) << n << " " << from;
        }
      }
    }
  }
}

}  // namespace

}  // namespace quiver::test
