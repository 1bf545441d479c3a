// block_dots() by the matrix unit (AMX; Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 18).
//
// One instruction multiplies a tile of 16 queries by 64 components with a tile of 64 components by 16 rows.
#include <immintrin.h>

#include <cstring>

#include "kernels/block_dots.h"

namespace quiver::kernels::levels {

namespace {

constexpr size_t kTileBytes = 64;
// Fewer queries leave most of a tile empty.
constexpr size_t kFewestQueries = 6;

struct alignas(64) Shapes {
  uint8_t palette = 1;
  uint8_t start = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes[16] = {};  // of a row
  uint8_t rows[16] = {};
  void set(size_t tile, size_t its_rows, size_t its_bytes) {
    rows[tile] = static_cast<uint8_t>(its_rows);
    bytes[tile] = static_cast<uint16_t>(its_bytes);
  }
};
static_assert(sizeof(Shapes) == 64);

// squares - 2 * sums, of one block.
__attribute__((target("avx512f"))) void write(const int32_t* sums, size_t n, const int32_t* squares, int32_t* out,
                                              size_t out_stride) {
  const __m512i square = _mm512_loadu_si512(squares);
  for (size_t q = 0; q < n; q++) {
    const __m512i sum = _mm512_loadu_si512(sums + q * kBlockRows);
    _mm512_storeu_si512(out + q * out_stride, _mm512_sub_epi32(square, _mm512_add_epi32(sum, sum)));
  }
}

}  // namespace

// Tiles 0 to 3: sums of four blocks; 4 and 5: queries and rows; 6 and 7: those of the last, fewer than 64 components.
// The compiler takes a tile's number as a literal only, hence a line for each.
__attribute__((target("amx-tile,amx-int8"))) void block_dots_tiles(const uint8_t* codes, size_t m, size_t blocks,
                                                                   const int32_t* squares, const int8_t* queries,
                                                                   size_t n, int32_t* out, size_t out_stride) {
  if (n < kFewestQueries) return block_dots_vnni(codes, m, blocks, squares, queries, n, out, out_stride);
  const size_t whole = m / kTileBytes * kTileBytes, rest = m - whole, step = m * kBlockRows;
  Shapes shapes;
  for (size_t tile = 0; tile < 5; tile++) shapes.set(tile, n, kTileBytes);
  shapes.set(5, kBlockRows, kTileBytes);
  if (rest > 0) {
    shapes.set(6, n, rest);
    shapes.set(7, rest / 4, kTileBytes);
  }
  _tile_loadconfig(&shapes);
  alignas(64) int32_t sums[4][kTileQueries * kBlockRows];
  for (size_t b = 0; b < blocks; b += 4) {
    // Where fewer than four are left the last is taken again.
    const uint8_t* at[4];
    for (size_t i = 0; i < 4; i++) at[i] = codes + (b + i < blocks ? b + i : blocks - 1) * step;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t j = 0; j < whole; j += kTileBytes) {
      _tile_loadd(4, queries + j, m);
      _tile_loadd(5, at[0] + j * kBlockRows, kTileBytes);
      _tile_dpbsud(0, 4, 5);
      _tile_loadd(5, at[1] + j * kBlockRows, kTileBytes);
      _tile_dpbsud(1, 4, 5);
      _tile_loadd(5, at[2] + j * kBlockRows, kTileBytes);
      _tile_dpbsud(2, 4, 5);
      _tile_loadd(5, at[3] + j * kBlockRows, kTileBytes);
      _tile_dpbsud(3, 4, 5);
    }
    if (rest > 0) {
      _tile_loadd(6, queries + whole, m);
      _tile_loadd(7, at[0] + whole * kBlockRows, kTileBytes);
      _tile_dpbsud(0, 6, 7);
      _tile_loadd(7, at[1] + whole * kBlockRows, kTileBytes);
      _tile_dpbsud(1, 6, 7);
      _tile_loadd(7, at[2] + whole * kBlockRows, kTileBytes);
      _tile_dpbsud(2, 6, 7);
      _tile_loadd(7, at[3] + whole * kBlockRows, kTileBytes);
      _tile_dpbsud(3, 6, 7);
    }
    _tile_stored(0, sums[0], kTileBytes);
    _tile_stored(1, sums[1], kTileBytes);
    _tile_stored(2, sums[2], kTileBytes);
    _tile_stored(3, sums[3], kTileBytes);
    for (size_t i = 0; i < 4 && b + i < blocks; i++) {
      write(sums[i], n, squares + (b + i) * kBlockRows, out + (b + i) * kBlockRows, out_stride);
    }
  }
  _tile_release();
}

}  // namespace quiver::kernels::levels
