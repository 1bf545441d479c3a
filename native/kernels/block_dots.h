// Dot products of up to 16 queries with all rows of a block of 16: the work of a scan over 8-bit codes.
//
// Rows lie in blocks of 16, four components of each at a time: [block][m / 4][16 rows][4 bytes]. So a register holds
// the same components of 16 rows, and what it sums up needs no adding across in the end. For the CPU's matrix unit a
// block is a tile as it lies there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiver::kernels {

inline constexpr size_t kBlockRows = 16;
inline constexpr size_t kTileQueries = 16;
// Twice a dot product and a row's squares stay within 32 bits.
inline constexpr size_t kMaxBlockDim = 8192;

// out[q * out_stride + row] = squares[row] - 2 * (sum over j of codes[row][j] * queries[q * m + j]) for `blocks` blocks
// of rows and 1 to kTileQueries queries; exact. m is a multiple of 4, codes are aligned to 64 bytes.
using BlockDots = void (*)(const uint8_t* codes, size_t m, size_t blocks, const int32_t* squares, const int8_t* queries,
                           size_t n, int32_t* out, size_t out_stride);

// The one of this process's level().
BlockDots block_dots();

namespace levels {
void block_dots_plain(const uint8_t*, size_t, size_t, const int32_t*, const int8_t*, size_t, int32_t*, size_t);
void block_dots_avx2(const uint8_t*, size_t, size_t, const int32_t*, const int8_t*, size_t, int32_t*, size_t);
void block_dots_vnni(const uint8_t*, size_t, size_t, const int32_t*, const int8_t*, size_t, int32_t*, size_t);
// Only where has_tiles().
void block_dots_tiles(const uint8_t*, size_t, size_t, const int32_t*, const int8_t*, size_t, int32_t*, size_t);
}  // namespace levels

}  // namespace quiver::kernels
