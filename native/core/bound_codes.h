// 8-bit codes of vectors, with a proven bound of the distance from a query to each: what is surely too far is never
// looked at in floats. Exact search by them finds what float search finds, in the same order.
//
// The proof. u = 2^-24; |.| is the Euclidean norm; P a matrix with |P| <= rho; y = P (x - center).
//  1. A row's code is the vector s c, c of whole numbers. error >= |s c - y| for every bounded row, and error(q) alike
//     for the query's: both measured in doubles against the y that floats gave, plus what floats may have lost of it,
//     slack(z) = (gamma(D + 4) |P|_F + 2 u rho) |z| with z = x - center as rounded (Higham, Accuracy and Stability of
//     Numerical Algorithms, 3.5; any order of summation, with or without fused steps).
//  2. So |q - x| >= |P (q - x)| / rho >= (s |cq - c| - error - error(q)) / rho. |cq - c|^2 is a whole number, computed
//     exactly: a row is left out when it exceeds ((rho R + error + error(q)) / s)^2, rounded up.
//  3. R must be so that |q - x| > R implies that the float distance F is worse than the k-th best of some rows, T, or
//     equal to none. L2: F >= |q - x|^2 (1 - gamma(d + 4)) - tiny, hence R^2 = (T + tiny) / (1 - gamma(d + 4)).
//     Inner product: with one component more, sqrt(M^2 - |x|^2) for a row and 0 for a query, distances are
//     |q|^2 + |x'|^2 - 2 q.x, and |x'|^2 <= B for every bounded row. |F - q.x| <= gamma(d + 4) |q| sqrt(B) + tiny,
//     hence R^2 = |q|^2 + B - 2 (T - that).
//  4. Ties: rows whose F equals T are kept (1 to 3 hold with "worse than"), and all that is kept is put in order by
//     (F, row). Rows that do not fit the scale have no bound: they are always kept.
//  5. Of long vectors a row has finer codes besides: one byte an axis again, of the axes that are scanned and of those
//     that follow, whose scale is smaller. With P of all these axes 1 to 4 hold as they are; error(x) is the row's own,
//     and the query is not rounded to codes: error(q) = slack(q) + u |y|. What floats find for the sum of squares is at
//     most gamma(n + 4) above it, since none is taken away.
// Doubles round too: every result above is widened by 1e-9 of the largest number in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/block_dots.h"
#include "kernels/code_distance.h"

namespace quiver {

// Where codes lie: some directions of the space of (longer, for inner products) vectors.
struct Plane {
  size_t dim = 0;             // of vectors
  bool similarity = false;    // one component more
  double most_squares = 0;    // M^2, for similarities
  std::vector<float> center;  // of width() numbers
  std::vector<float> matrix;  // P, row by row; empty: the vectors as they are
  size_t scanned = 0;         // of its rows, a multiple of 4; the others are for finer codes
  size_t width() const { return dim + (similarity ? 1 : 0); }
  // Writes the longer vector, without its center.
  void widen(const float* x, size_t row, float* to) const;
};

struct BoundQuery {
  std::vector<int8_t> codes;
  int64_t constant = 0;  // |cq - c|^2 = score + constant
  double error = 0;
  double squares = 0;
  // For finer codes: components in units of their scale.
  std::vector<float> fine;
  double fine_error = 0;
};

// Some rows, encoded aside.
struct EncodedRows {
  std::vector<uint8_t> codes;
  std::vector<int32_t> squares;
  double error = 0;
  std::vector<int8_t> fine;
};

class BoundCodes {
 public:
  // Scores under this are those of rows without a bound.
  static constexpr int32_t kLeastScore = -(1 << 29);
  static constexpr int32_t kNoScore = std::numeric_limits<int32_t>::max();
  // Dimensions up to this one.
  static constexpr size_t kMaxWidth = kernels::kMaxBlockDim;

  // `sample`: vectors from which the scale is taken.
  BoundCodes(Plane plane, const float* sample, size_t n);

  size_t rows() const { return rows_; }
  size_t width() const { return m_; }
  size_t unbounded() const { return unbounded_; }
  size_t bytes() const { return codes_.capacity() + squares_.capacity() * sizeof(int32_t) + fine_.capacity(); }
  bool has_fine() const { return fine_stride_ > 0; }

  // --- by the writer
  EncodedRows encode(const float* x, size_t first, size_t n) const;
  bool has_room(size_t rows) const { return blocks(rows) * kernels::kBlockRows <= squares_.size(); }
  BoundCodes grown(size_t rows) const;
  // These need room, and no memory.
  void append(const EncodedRows& encoded);
  void move(size_t from, size_t to);
  void truncate(size_t rows);

  // --- by readers
  // Of n vectors.
  void prepare(const float* x, size_t n, BoundQuery* queries) const;
  // Far outside the scale: nearly every row would be kept.
  bool covers(const BoundQuery& query) const { return query.error <= 4 * limit_; }
  // Of rows [from, from + n), from a multiple of kernels::kBlockRows; up to kernels::kTileQueries queries, whose codes
  // lie one after another. Writes whole blocks.
  void scores(const int8_t* queries, size_t count, size_t from, size_t n, int32_t* out, size_t out_stride) const;
  // Rows with a higher score are farther from the query than `worst`, the distance or inner product of some row.
  int32_t limit(const BoundQuery& query, float worst) const;
  // By finer codes: rows whose span is above the reach are farther than `worst`.
  double reach(const BoundQuery& query, float worst) const;
  double span(const BoundQuery& query, size_t row) const;
  void prefetch_fine(size_t row) const {
    for (size_t at = 0; at < fine_stride_; at += 64) __builtin_prefetch(fine_.data() + row * fine_stride_ + at);
  }

 private:
  static size_t blocks(size_t rows) { return (rows + kernels::kBlockRows - 1) / kernels::kBlockRows; }
  uint8_t* at(size_t row) { return codes_.data() + row / kernels::kBlockRows * m_ * kernels::kBlockRows; }
  const uint8_t* fine_at(size_t row) const { return fine_.data() + row * fine_stride_; }
  uint8_t* fine_at(size_t row) { return fine_.data() + row * fine_stride_; }
  // y of n widened vectors, axes() numbers each.
  void project(const float* z, size_t n, float* y) const;
  size_t axes() const { return m_ + more_; }
  void set_scales(const float* sample, size_t n);
  double slack(const float* z) const;
  double gamma(size_t n) const;
  // R, of the proof.
  double radius(const BoundQuery& query, float worst) const;

  Plane plane_;
  size_t m_;         // axes that are scanned
  size_t more_ = 0;  // that finer codes have besides
  size_t fine_stride_ = 0;
  kernels::BlockDots dots_;
  kernels::CodeDistance distance_;
  double norm_ = 1, frobenius_ = 1;
  double scale_ = 1, more_scale_ = 1;
  double limit_ = 0;  // rows with a larger error have no bound
  double error_ = 0;  // the largest of a row with one
  double most_ = 0;   // B
  size_t rows_ = 0;
  size_t unbounded_ = 0;
  kernels::AlignedBytes codes_;
  std::vector<int32_t> squares_;
  // [row][m_ + more_ codes, then, at the end of the stride, what they miss of the row: a float]
  kernels::AlignedBytes fine_;
};

}  // namespace quiver
