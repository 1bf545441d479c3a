#include "kernels/within.h"

#include <immintrin.h>

#include "kernels/level.h"

namespace quiver::kernels {

namespace levels {

size_t next_within_plain(const int32_t* scores, size_t from, size_t n, int32_t limit) {
  while (from < n && scores[from] > limit) from++;
  return from;
}

__attribute__((target("avx2"))) size_t next_within_avx2(const int32_t* scores, size_t from, size_t n, int32_t limit) {
  const __m256i most = _mm256_set1_epi32(limit);
  for (; from + 8 <= n; from += 8) {
    const __m256i above = _mm256_cmpgt_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scores + from)), most);
    const auto within = ~static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(above))) & 0xffu;
    if (within != 0) return from + static_cast<size_t>(__builtin_ctz(within));
  }
  return next_within_plain(scores, from, n, limit);
}

__attribute__((target("avx512f"))) size_t next_within_avx512(const int32_t* scores, size_t from, size_t n,
                                                             int32_t limit) {
  const __m512i most = _mm512_set1_epi32(limit);
  const auto within = [&](size_t at) __attribute__((target("avx512f"))) {
    return static_cast<unsigned>(_mm512_cmple_epi32_mask(_mm512_loadu_si512(scores + at), most));
  };
  for (; from + 64 <= n; from += 64) {
    const unsigned a = within(from), b = within(from + 16), c = within(from + 32), d = within(from + 48);
    if ((a | b | c | d) != 0) break;
  }
  for (; from + 16 <= n; from += 16) {
    const unsigned found = within(from);
    if (found != 0) return from + static_cast<size_t>(__builtin_ctz(found));
  }
  return next_within_plain(scores, from, n, limit);
}

}  // namespace levels

NextWithin next_within() {
  switch (level()) {
    case Level::kV4:
      return levels::next_within_avx512;
    case Level::kV3:
      return levels::next_within_avx2;
    default:
      return levels::next_within_plain;
  }
}

}  // namespace quiver::kernels
