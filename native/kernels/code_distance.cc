#include "kernels/code_distance.h"

#include <immintrin.h>

#include "kernels/level.h"

namespace quiver::kernels {

namespace levels {

float code_distance_plain(const int8_t* codes, const float* query, size_t n) {
  // Apart, so that the compiler may do them at once.
  constexpr size_t kApart = 16;
  float sums[kApart] = {};
  size_t j = 0;
  for (; j + kApart <= n; j += kApart) {
    for (size_t i = 0; i < kApart; i++) {
      const float off = query[j + i] - static_cast<float>(codes[j + i]);
      sums[i] += off * off;
    }
  }
  float sum = 0;
  for (; j < n; j++) {
    const float off = query[j] - static_cast<float>(codes[j]);
    sum += off * off;
  }
  for (const float one : sums) sum += one;
  return sum;
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) float code_distance_avx512(const int8_t* codes, const float* query,
                                                                                size_t n) {
  __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (size_t j = 0; j < n; j += 16) {
    const __mmask16 some = n - j >= 16 ? 0xffff : static_cast<__mmask16>((1u << (n - j)) - 1);
    const __m512 level = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(some, codes + j)));
    const __m512 off = _mm512_sub_ps(_mm512_maskz_loadu_ps(some, query + j), level);
    __m512& sum = sums[j / 16 % 2];
    sum = _mm512_fmadd_ps(off, off, sum);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]));
}

}  // namespace levels

CodeDistance code_distance() {
  return level() == Level::kV4 ? levels::code_distance_avx512 : levels::code_distance_plain;
}

}  // namespace quiver::kernels
