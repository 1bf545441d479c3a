// Dot products of one query with rows of bytes: the work of a search over 8-bit codes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiver::kernels {

// Rows and queries are padded with zeros to a multiple of this many bytes.
inline constexpr size_t kByteBlock = 64;

// Scores rows `rows[0..n)`: out[i] = sum over j of codes[rows[i] * stride + j] * query[j], exact in 32 bits. `stride`
// is a multiple of kByteBlock and at most kMaxByteDim; codes and query are aligned to kByteBlock bytes.
using ByteDots = void (*)(const uint8_t* codes, size_t stride, const int32_t* rows, size_t n, const int8_t* query,
                          int32_t* out);
inline constexpr size_t kMaxByteDim = 16384;

// The one of this process's level().
ByteDots byte_dots();

namespace levels {
void byte_dots_plain(const uint8_t*, size_t, const int32_t*, size_t, const int8_t*, int32_t*);
void byte_dots_avx2(const uint8_t*, size_t, const int32_t*, size_t, const int8_t*, int32_t*);
void byte_dots_vnni(const uint8_t*, size_t, const int32_t*, size_t, const int8_t*, int32_t*);
}  // namespace levels

}  // namespace quiver::kernels
