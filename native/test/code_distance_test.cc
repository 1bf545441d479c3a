#include "kernels/code_distance.h"

#include <cmath>

#include "test/support.h"

namespace quiver::test {

namespace {

TEST(CodeDistance, IsOffByItsRoundingsAlone) {
  std::vector<kernels::CodeDistance> levels = {kernels::levels::code_distance_plain};
  if (__builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
    levels.push_back(kernels::levels::code_distance_avx512);
  }
  Random random(760);
  for (const size_t n : {0u, 1u, 4u, 15u, 16u, 17u, 128u, 252u, 1000u}) {
    std::vector<int8_t> codes(n);
    for (auto& code : codes) code = static_cast<int8_t>(random.between(-127, 127));
    auto query = random.vectors(1, static_cast<int64_t>(n));
    for (auto& value : query) value *= 100;
    double wanted = 0;
    for (size_t j = 0; j < n; j++) wanted += std::pow(static_cast<double>(query[j]) - codes[j], 2);
    for (const auto level : levels) {
      EXPECT_NEAR(level(codes.data(), query.data(), n), wanted, static_cast<double>(n + 4) * 0x1p-24 * wanted) << n;
    }
  }
}

}  // namespace

}  // namespace quiver::test
