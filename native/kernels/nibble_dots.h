// Dot products of one query with rows of 4-bit codes: the work of a walk over a graph.
//
// A block of 64 bytes holds 128 codes: those of components 0 to 63 in the low halves of its bytes, those of 64 to 127
// in the high ones, so that a whole register of either is a mask away.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiver::kernels {

inline constexpr size_t kNibbleBlock = 128;
inline constexpr size_t kMaxNibbleDim = 8192;

// Scores rows `rows[0..n)`: out[i] = sum over j of code(rows[i], j) * query[j], exact in 32 bits. A row is `stride`
// bytes, a multiple of 64; the query twice as many; both are aligned to 64 bytes. No query[j] is -128.
using NibbleDots = void (*)(const uint8_t* codes, size_t stride, const int32_t* rows, size_t n, const int8_t* query,
                            int32_t* out);

// The one of this process's level().
NibbleDots nibble_dots();

namespace levels {
void nibble_dots_plain(const uint8_t*, size_t, const int32_t*, size_t, const int8_t*, int32_t*);
void nibble_dots_avx2(const uint8_t*, size_t, const int32_t*, size_t, const int8_t*, int32_t*);
void nibble_dots_vnni(const uint8_t*, size_t, const int32_t*, size_t, const int8_t*, int32_t*);
}  // namespace levels

}  // namespace quiver::kernels
