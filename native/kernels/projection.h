// Vectors in fewer components: what they are in a subspace, on a basis in which the components are alike. Distances
// within the subspace are never more than the whole ones.
//
// Query and basis are rounded to 8 bits, which errs far less than the 4 bits that the result is kept in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/byte_dots.h"

namespace quiver::kernels {

inline constexpr size_t kMaxProjected = 512;

class Projection {
 public:
  // `basis`: size * dim, rows of length 1 at right angles, at most kMaxProjected of at most kMaxByteDim numbers.
  // `mean`: dim numbers, the origin of what is projected.
  Projection(const float* basis, const float* mean, size_t size, size_t dim);

  size_t dim() const { return dim_; }
  size_t size() const { return scales_.size(); }
  size_t bytes() const { return basis_.capacity() + scales_.capacity() * 2 * sizeof(float); }
  // x: dim numbers, y: size() of them. Allocates nothing.
  void apply(const float* x, float* y) const;

 private:
  size_t dim_;
  size_t stride_;
  AlignedBytes basis_;             // 128 more than the signed values
  std::vector<float> scales_;      // of each row
  std::vector<float> sums_;        // of each row
  std::vector<float> means_;       // the mean, projected
  std::vector<int32_t> all_rows_;  // 0, 1, 2 ...
  ByteDots dots_;
};

}  // namespace quiver::kernels
