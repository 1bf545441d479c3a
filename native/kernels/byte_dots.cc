#include "kernels/byte_dots.h"

#include <immintrin.h>

#include "kernels/level.h"

namespace quiver::kernels {

namespace levels {

void byte_dots_plain(const uint8_t* codes, size_t stride, const int32_t* rows, size_t n, const int8_t* query,
                     int32_t* out) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t* row = codes + static_cast<size_t>(rows[i]) * stride;
    int32_t sum = 0;
    for (size_t j = 0; j < stride; j++) sum += static_cast<int32_t>(row[j]) * query[j];
    out[i] = sum;
  }
}

// Widened to 16 bits: multiplying bytes at once (maddubs) would saturate.
__attribute__((target("avx2"))) void byte_dots_avx2(const uint8_t* codes, size_t stride, const int32_t* rows, size_t n,
                                                    const int8_t* query, int32_t* out) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t* row = codes + static_cast<size_t>(rows[i]) * stride;
    __m256i first = _mm256_setzero_si256(), second = _mm256_setzero_si256();
    for (size_t j = 0; j < stride; j += 32) {
      const auto half = [&](size_t at) __attribute__((target("avx2"))) {
        const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + at)));
        const __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(query + at)));
        return _mm256_madd_epi16(a, b);
      };
      first = _mm256_add_epi32(first, half(j));
      second = _mm256_add_epi32(second, half(j + 16));
    }
    const __m256i sum = _mm256_add_epi32(first, second);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    out[i] = _mm_cvtsi128_si32(four);
  }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void byte_dots_vnni(const uint8_t* codes, size_t stride,
                                                                                    const int32_t* rows, size_t n,
                                                                                    const int8_t* query, int32_t* out) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t* row = codes + static_cast<size_t>(rows[i]) * stride;
    __m512i first = _mm512_setzero_si512(), second = _mm512_setzero_si512();
    size_t j = 0;
    for (; j + 128 <= stride; j += 128) {
      first = _mm512_dpbusd_epi32(first, _mm512_load_si512(row + j), _mm512_load_si512(query + j));
      second = _mm512_dpbusd_epi32(second, _mm512_load_si512(row + j + 64), _mm512_load_si512(query + j + 64));
    }
    if (j < stride) first = _mm512_dpbusd_epi32(first, _mm512_load_si512(row + j), _mm512_load_si512(query + j));
    out[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(first, second));
  }
}

}  // namespace levels

ByteDots byte_dots() {
  switch (level()) {
    case Level::kV4:
      return levels::byte_dots_vnni;
    case Level::kV3:
      return levels::byte_dots_avx2;
    default:
      return levels::byte_dots_plain;
  }
}

}  // namespace quiver::kernels
