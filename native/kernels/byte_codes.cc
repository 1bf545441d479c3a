#include "kernels/byte_codes.h"

#include <algorithm>
#include <cmath>

#include "kernels/unaligned.h"

namespace quiver::kernels {

namespace {

constexpr float kLevels = 255;
constexpr size_t kMaxExactDim = 8192;
// Of a query, cut off by the scale: the mean square, as a share of the scale's.
constexpr float kMostCut = 1e-4f;

size_t padded(size_t dim) {
  return (dim + kByteBlock - 1) / kByteBlock * kByteBlock;
}

}  // namespace

ByteScale ByteScale::of(const float* x, size_t n, size_t dim, bool similarity) {
  float low = 0, high = 0;
  bool whole = true;
  for (size_t i = 0; i < n * dim; i++) {
    const float value = read_at(x, i);
    low = std::min(low, value);
    high = std::max(high, value);
    whole = whole && value == std::nearbyint(value);
  }
  if (whole && low >= 0 && high <= kLevels) return {1, 0, true};
  if (similarity || low < 0) {
    const float most = std::max(-low, high);
    const float scale = most > 0 ? most / 127 : 1;
    return {scale, -128 * scale, false};
  }
  return {high > 0 ? high / kLevels : 1, 0, false};
}

ByteCodes::ByteCodes(size_t dim, ByteScale scale, bool similarity)
    : dim_(dim),
      stride_(padded(dim)),
      scale_(scale),
      similarity_(similarity),
      factor_(similarity ? 1 : 2),
      dots_(byte_dots()) {}

void ByteCodes::append(const float* x, size_t n) {
  const size_t first = size();
  codes_.resize((first + n) * stride_);
  biases_.resize(first + n);
  const float inverse = 1 / scale_.scale;
  // Of an inner product, what the offsets of row and query add that depends on the row.
  const double shift = 128 + static_cast<double>(scale_.offset) / scale_.scale;
  for (size_t i = 0; i < n; i++) {
    uint8_t* row = codes_.data() + (first + i) * stride_;
    int64_t sum = 0, squares = 0;
    uint64_t cut = 0;
    for (size_t j = 0; j < dim_; j++) {
      const float value = (read_at(x, i * dim_ + j) - scale_.offset) * inverse;
      const float level = std::nearbyint(value);
      const float fits = std::clamp(level, 0.0f, kLevels);
      cut += fits != (scale_.exact ? value : level) ? 1 : 0;
      row[j] = static_cast<uint8_t>(fits);
    }
    for (size_t j = 0; j < dim_; j++) {
      sum += row[j];
      squares += static_cast<int64_t>(row[j]) * row[j];
    }
    clipped_ += cut;
    biases_[first + i] = similarity_ ? static_cast<int32_t>(std::lround(-shift * static_cast<double>(sum)))
                                     : static_cast<int32_t>(squares - 256 * sum);
  }
}

void ByteCodes::truncate(size_t rows) {
  if (rows >= size()) return;
  codes_.resize(rows * stride_);
  biases_.resize(rows);
}

ByteCodes ByteCodes::grown(size_t rows) const {
  ByteCodes copy(dim_, scale_, similarity_);
  copy.codes_.reserve(rows * stride_);
  copy.codes_.assign(codes_.begin(), codes_.end());
  copy.biases_.reserve(rows);
  copy.biases_.assign(biases_.begin(), biases_.end());
  copy.clipped_ = clipped_;
  return copy;
}

// What is cut off a query shifts the order of rows by its product with them, so all of it counts, not how often.
bool ByteCodes::covers(const float* x) const {
  if (own_scale()) return true;
  const float inverse = 1 / scale_.scale;
  float cut = 0;
  for (size_t j = 0; j < dim_; j++) {
    const float level = (x[j] - scale_.offset) * inverse;
    const float off = level - std::clamp(level, 0.0f, kLevels);
    cut += off * off;
  }
  return cut <= kMostCut * kLevels * kLevels * static_cast<float>(dim_);
}

void ByteCodes::prepare(const float* x, ByteQuery& query) const {
  query.codes.assign(stride_, 0);
  query.exact = scale_.exact && clipped_ == 0 && dim_ <= kMaxExactDim;
  query.base = 0;
  if (own_scale()) {
    float most = 0;
    for (size_t j = 0; j < dim_; j++) most = std::max(most, std::fabs(x[j]));
    const float inverse = most > 0 ? 127 / most : 0;
    for (size_t j = 0; j < dim_; j++) {
      query.codes[j] = static_cast<uint8_t>(static_cast<int8_t>(std::nearbyint(x[j] * inverse)));
    }
    return;
  }
  const float inverse = 1 / scale_.scale;
  // Sums that the compiler can make of many components at once.
  int32_t squares = 0, other = 0;
  for (size_t j = 0; j < dim_; j++) {
    const float level = std::clamp(std::nearbyint((x[j] - scale_.offset) * inverse), 0.0f, kLevels);
    const auto code = static_cast<int32_t>(level);
    other += level != x[j] ? 1 : 0;
    squares += code * code;
    query.codes[j] = static_cast<uint8_t>(code - 128);
  }
  query.exact = query.exact && other == 0;
  query.base = similarity_ ? 0 : squares;
}

void ByteCodes::prepare_row(int32_t row, ByteQuery& query) const {
  const uint8_t* codes = codes_.data() + static_cast<size_t>(row) * stride_;
  query.codes.resize(stride_);
  for (size_t j = 0; j < stride_; j++) query.codes[j] = codes[j] ^ 128;
}

}  // namespace quiver::kernels
