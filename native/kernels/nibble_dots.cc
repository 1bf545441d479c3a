#include "kernels/nibble_dots.h"

#include <immintrin.h>

#include "kernels/level.h"

namespace quiver::kernels {

namespace levels {

void nibble_dots_plain(const uint8_t* codes, size_t stride, const int32_t* rows, size_t n, const int8_t* query,
                       int32_t* out) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t* row = codes + static_cast<size_t>(rows[i]) * stride;
    int32_t sum = 0;
    for (size_t block = 0; block < stride; block += 64) {
      const int8_t* low = query + 2 * block;
      const int8_t* high = low + 64;
      for (size_t j = 0; j < 64; j++) sum += (row[block + j] & 15) * low[j] + (row[block + j] >> 4) * high[j];
    }
    out[i] = sum;
  }
}

// Two products of at most 15 * 127 stay within 16 bits, and four of those sums as well.
__attribute__((target("avx2"))) void nibble_dots_avx2(const uint8_t* codes, size_t stride, const int32_t* rows,
                                                      size_t n, const int8_t* query, int32_t* out) {
  const __m256i mask = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  const auto load = [](const void* at)
                        __attribute__((target("avx2"))) { return _mm256_load_si256(static_cast<const __m256i*>(at)); };
  for (size_t i = 0; i < n; i++) {
    const uint8_t* row = codes + static_cast<size_t>(rows[i]) * stride;
    __m256i sum = _mm256_setzero_si256();
    for (size_t j = 0; j < stride; j += 64) {
      const __m256i first = load(row + j), second = load(row + j + 32);
      const int8_t* low = query + 2 * j;
      __m256i pairs = _mm256_maddubs_epi16(_mm256_and_si256(first, mask), load(low));
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(_mm256_and_si256(second, mask), load(low + 32)));
      __m256i others = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(first, 4), mask), load(low + 64));
      others = _mm256_add_epi16(
          others, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(second, 4), mask), load(low + 96)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(pairs, others), ones));
    }
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    out[i] = _mm_cvtsi128_si32(four);
  }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void nibble_dots_vnni(
    const uint8_t* codes, size_t stride, const int32_t* rows, size_t n, const int8_t* query, int32_t* out) {
  const __m512i mask = _mm512_set1_epi8(15);
  for (size_t i = 0; i < n; i++) {
    const uint8_t* row = codes + static_cast<size_t>(rows[i]) * stride;
    __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
    for (size_t j = 0; j < stride; j += 64) {
      const __m512i both = _mm512_load_si512(row + j);
      low = _mm512_dpbusd_epi32(low, _mm512_and_si512(both, mask), _mm512_load_si512(query + 2 * j));
      high = _mm512_dpbusd_epi32(high, _mm512_and_si512(_mm512_srli_epi16(both, 4), mask),
                                 _mm512_load_si512(query + 2 * j + 64));
    }
    out[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
  }
}

}  // namespace levels

NibbleDots nibble_dots() {
  switch (level()) {
    case Level::kV4:
      return levels::nibble_dots_vnni;
    case Level::kV3:
      return levels::nibble_dots_avx2;
    default:
      return levels::nibble_dots_plain;
  }
}

}  // namespace quiver::kernels
