#include "kernels/projection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/unaligned.h"

namespace quiver::kernels {

namespace {

size_t padded(size_t dim) {
  return (dim + kByteBlock - 1) / kByteBlock * kByteBlock;
}

}  // namespace

Projection::Projection(const float* basis, const float* mean, size_t size, size_t dim)
    : dim_(dim), stride_(padded(dim)), basis_(size * padded(dim), 128), all_rows_(size), dots_(byte_dots()) {
  std::iota(all_rows_.begin(), all_rows_.end(), 0);
  for (size_t i = 0; i < size; i++) {
    const float* row = basis + i * dim;
    float most = 0;
    double sum = 0, product = 0;
    for (size_t j = 0; j < dim; j++) {
      most = std::max(most, std::fabs(row[j]));
      sum += row[j];
      product += static_cast<double>(row[j]) * mean[j];
    }
    const float scale = most > 0 ? most / 127 : 1;
    for (size_t j = 0; j < dim; j++) {
      basis_[i * stride_ + j] = static_cast<uint8_t>(128 + static_cast<int>(std::nearbyint(row[j] / scale)));
    }
    scales_.push_back(scale);
    sums_.push_back(static_cast<float>(sum));
    means_.push_back(static_cast<float>(product));
  }
}

// x = middle + step * rounded, so that <row, x> = middle * sum(row) + step * <row, rounded>
void Projection::apply(const float* x, float* y) const {
  alignas(64) int8_t rounded[kMaxByteDim];
  float low = HUGE_VALF, high = -HUGE_VALF;
  for (size_t j = 0; j < dim_; j++) {
    const float value = read_at(x, j);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float middle = (low + high) / 2;
  const float step = std::max((high - low) / 254, 1e-30f), inverse = 1 / step;
  int32_t sum = 0;
  for (size_t j = 0; j < dim_; j++) {
    rounded[j] = static_cast<int8_t>(std::nearbyint((read_at(x, j) - middle) * inverse));
    sum += rounded[j];
  }
  std::fill(rounded + dim_, rounded + stride_, int8_t{0});
  alignas(64) int32_t dots[kMaxProjected];
  dots_(basis_.data(), stride_, all_rows_.data(), size(), rounded, dots);
  for (size_t i = 0; i < size(); i++) {
    y[i] = static_cast<float>(dots[i] - 128 * sum) * (scales_[i] * step) + middle * sums_[i] - means_[i];
  }
}

}  // namespace quiver::kernels
