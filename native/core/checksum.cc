#include "core/checksum.h"

#include <nmmintrin.h>

#include <cstring>

namespace quiver {

uint32_t crc32c(uint32_t crc, const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  uint64_t state = ~crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto rest = static_cast<uint32_t>(state);
  for (; size > 0; size--, bytes++) rest = _mm_crc32_u8(rest, *bytes);
  return ~rest;
}

}  // namespace quiver
