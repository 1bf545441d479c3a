#include "kernels/block_dots.h"

#include "kernels/aligned.h"
#include "kernels/level.h"
#include "test/support.h"

namespace quiver::test {

namespace {

TEST(BlockDots, AreTheSameAtEveryLevel) {
  Random random(740);
  std::vector<kernels::BlockDots> levels = {kernels::levels::block_dots_plain};
  if (__builtin_cpu_supports("avx2") != 0) levels.push_back(kernels::levels::block_dots_avx2);
  if (__builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bw") != 0) {
    levels.push_back(kernels::levels::block_dots_vnni);
  }
  if (kernels::has_tiles()) levels.push_back(kernels::levels::block_dots_tiles);
  for (const size_t m : {4u, 8u, 60u, 96u, 128u, 1100u, 8192u}) {
    for (const size_t blocks : {1u, 2u, 5u}) {
      for (size_t n = 1; n <= kernels::kTileQueries; n++) {
        const size_t rows = blocks * kernels::kBlockRows, stride = rows + 3;
        const bool extreme = random.chance(0.5);
        kernels::AlignedBytes codes(rows * m);
        for (auto& code : codes) code = static_cast<uint8_t>(extreme ? 255 : random.below(256));
        std::vector<int8_t> queries(n * m);
        for (auto& code : queries) code = static_cast<int8_t>(extreme ? -127 : random.between(-127, 127));
        std::vector<int32_t> squares(rows);
        for (auto& square : squares) square = static_cast<int32_t>(random.below(1 << 27));
        // Row by row, from where the layout says that a row's components lie.
        std::vector<int32_t> wanted(n * stride, 7);
        for (size_t q = 0; q < n; q++) {
          for (size_t row = 0; row < rows; row++) {
            int32_t sum = 0;
            for (size_t j = 0; j < m; j++) {
              const size_t at = row / 16 * 16 * m + j / 4 * 64 + row % 16 * 4 + j % 4;
              sum += static_cast<int32_t>(codes[at]) * queries[q * m + j];
            }
            wanted[q * stride + row] = squares[row] - 2 * sum;
          }
        }
        for (const auto level : levels) {
          std::vector<int32_t> out(n * stride, 7);
          level(codes.data(), m, blocks, squares.data(), queries.data(), n, out.data(), stride);
          ASSERT_EQ(out, wanted) << m << " " << blocks << " " << n;
        }
      }
    }
  }
}

}  // namespace

}  // namespace quiver::test
