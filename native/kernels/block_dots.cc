#include "kernels/block_dots.h"

#include <immintrin.h>

#include <cstring>

#include "kernels/level.h"

namespace quiver::kernels {

namespace levels {

namespace {

int32_t four_of(const int8_t* query, size_t j) {
  int32_t four;
  std::memcpy(&four, query + j, sizeof(four));
  return four;
}

// Bytes are widened to 16 bits, even and odd ones apart: multiplying them at once (maddubs) would saturate.
__attribute__((target("avx2"))) void one_avx2(const uint8_t* block, size_t m, const int32_t* squares,
                                              const int8_t* query, int32_t* out) {
  const __m256i low = _mm256_set1_epi16(0xff);
  __m256i first = _mm256_setzero_si256(), second = _mm256_setzero_si256();
  for (size_t j = 0; j < m; j += 4) {
    const __m256i four = _mm256_set1_epi32(four_of(query, j));
    const __m256i odd = _mm256_srai_epi16(four, 8), even = _mm256_srai_epi16(_mm256_slli_epi16(four, 8), 8);
    const __m256i a = _mm256_load_si256(reinterpret_cast<const __m256i*>(block + j * kBlockRows));
    const __m256i b = _mm256_load_si256(reinterpret_cast<const __m256i*>(block + j * kBlockRows + 32));
    first = _mm256_add_epi32(first, _mm256_madd_epi16(_mm256_and_si256(a, low), even));
    second = _mm256_add_epi32(second, _mm256_madd_epi16(_mm256_and_si256(b, low), even));
    first = _mm256_add_epi32(first, _mm256_madd_epi16(_mm256_srli_epi16(a, 8), odd));
    second = _mm256_add_epi32(second, _mm256_madd_epi16(_mm256_srli_epi16(b, 8), odd));
  }
  const __m256i sums[2] = {first, second};
  for (size_t half = 0; half < 2; half++) {
    const size_t at = half * 8;
    const __m256i square = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(squares + at));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at),
                        _mm256_sub_epi32(square, _mm256_slli_epi32(sums[half], 1)));
  }
}

// N queries with two blocks of rows: each loaded register of rows serves N queries, each spread query two blocks.
template <size_t N>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void tile_vnni(const uint8_t* codes, size_t m,
                                                                               size_t blocks, const int32_t* squares,
                                                                               const int8_t* queries, int32_t* out,
                                                                               size_t out_stride) {
  const size_t block_bytes = m * kBlockRows;
  for (size_t b = 0; b < blocks; b += 2) {
    const uint8_t* one = codes + b * block_bytes;
    const bool pair = b + 1 < blocks;
    const uint8_t* two = pair ? one + block_bytes : one;
    __m512i first[N], second[N];
    for (size_t q = 0; q < N; q++) first[q] = second[q] = _mm512_setzero_si512();
    for (size_t j = 0; j < m; j += 4) {
      const __m512i rows = _mm512_load_si512(one + j * kBlockRows), more = _mm512_load_si512(two + j * kBlockRows);
      for (size_t q = 0; q < N; q++) {
        const __m512i four = _mm512_set1_epi32(four_of(queries + q * m, j));
        first[q] = _mm512_dpbusd_epi32(first[q], rows, four);
        second[q] = _mm512_dpbusd_epi32(second[q], more, four);
      }
    }
    for (size_t q = 0; q < N; q++) {
      int32_t* to = out + q * out_stride + b * kBlockRows;
      const int32_t* square = squares + b * kBlockRows;
      _mm512_storeu_si512(to, _mm512_sub_epi32(_mm512_loadu_si512(square), _mm512_add_epi32(first[q], first[q])));
      if (!pair) continue;
      _mm512_storeu_si512(to + kBlockRows, _mm512_sub_epi32(_mm512_loadu_si512(square + kBlockRows),
                                                            _mm512_add_epi32(second[q], second[q])));
    }
  }
}

}  // namespace

void block_dots_plain(const uint8_t* codes, size_t m, size_t blocks, const int32_t* squares, const int8_t* queries,
                      size_t n, int32_t* out, size_t out_stride) {
  for (size_t b = 0; b < blocks; b++) {
    for (size_t q = 0; q < n; q++) {
      int32_t sums[kBlockRows] = {};
      for (size_t j = 0; j < m; j++) {
        const uint8_t* at = codes + (b * m + j / 4 * 4) * kBlockRows + j % 4;
        for (size_t r = 0; r < kBlockRows; r++) sums[r] += static_cast<int32_t>(at[r * 4]) * queries[q * m + j];
      }
      for (size_t r = 0; r < kBlockRows; r++) {
        out[q * out_stride + b * kBlockRows + r] = squares[b * kBlockRows + r] - 2 * sums[r];
      }
    }
  }
}

__attribute__((target("avx2"))) void block_dots_avx2(const uint8_t* codes, size_t m, size_t blocks,
                                                     const int32_t* squares, const int8_t* queries, size_t n,
                                                     int32_t* out, size_t out_stride) {
  for (size_t b = 0; b < blocks; b++) {
    for (size_t q = 0; q < n; q++) {
      one_avx2(codes + b * m * kBlockRows, m, squares + b * kBlockRows, queries + q * m,
               out + q * out_stride + b * kBlockRows);
    }
  }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void block_dots_vnni(const uint8_t* codes, size_t m,
                                                                                     size_t blocks,
                                                                                     const int32_t* squares,
                                                                                     const int8_t* queries, size_t n,
                                                                                     int32_t* out, size_t out_stride) {
  for (; n >= 4; n -= 4) {
    tile_vnni<4>(codes, m, blocks, squares, queries, out, out_stride);
    queries += 4 * m;
    out += 4 * out_stride;
  }
  if (n == 1) tile_vnni<1>(codes, m, blocks, squares, queries, out, out_stride);
  if (n == 2) tile_vnni<2>(codes, m, blocks, squares, queries, out, out_stride);
  if (n == 3) tile_vnni<3>(codes, m, blocks, squares, queries, out, out_stride);
}

}  // namespace levels

BlockDots block_dots() {
  switch (level()) {
    case Level::kV4:
      return has_tiles() ? levels::block_dots_tiles : levels::block_dots_vnni;
    case Level::kV3:
      return levels::block_dots_avx2;
    default:
      return levels::block_dots_plain;
  }
}

}  // namespace quiver::kernels
