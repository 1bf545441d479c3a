#include "kernels/nibble_codes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/unaligned.h"

namespace quiver::kernels {

namespace {

constexpr float kLevels = 15;
constexpr double kSpread = 2.6;
// So many steps outside: four standard deviations, which hardly happens to vectors like those of the sample.
constexpr float kFarOut = 4;
// A query of nearly no length is all bias, which has to stay within 32 bits.
constexpr float kMostScore = 1 << 28;

size_t stride_of(size_t dim) {
  return (dim + kNibbleBlock - 1) / kNibbleBlock * (kNibbleBlock / 2);
}

}  // namespace

NibbleScale NibbleScale::of(const float* x, size_t n, size_t dim) {
  std::vector<double> sum(dim, 0), squares(dim, 0);
  std::vector<float> low(dim, HUGE_VALF), high(dim, -HUGE_VALF);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < dim; j++) {
      const float value = read_at(x, i * dim + j);
      sum[j] += value;
      squares[j] += static_cast<double>(value) * value;
      low[j] = std::min(low[j], value);
      high[j] = std::max(high[j], value);
    }
  }
  NibbleScale scale;
  for (size_t j = 0; j < dim; j++) {
    const double mean = sum[j] / static_cast<double>(n);
    const double deviation = std::sqrt(std::max(squares[j] / static_cast<double>(n) - mean * mean, 0.0));
    const auto from = std::max(low[j], static_cast<float>(mean - kSpread * deviation));
    const auto to = std::min(high[j], static_cast<float>(mean + kSpread * deviation));
    scale.offset.push_back(from);
    // A component that hardly differs still has levels to fall on.
    scale.step.push_back(std::max({(to - from) / kLevels, std::fabs(from) * 1e-6f, 1e-30f}));
  }
  return scale;
}

NibbleCodes::NibbleCodes(NibbleScale scale, bool similarity)
    : scale_(std::move(scale)), similarity_(similarity), stride_(stride_of(scale_.step.size())), dots_(nibble_dots()) {}

void NibbleCodes::append(const float* x, size_t n) {
  const size_t d = dim();
  codes_.resize((rows_ + n) * stride_, 0);
  if (!similarity_) biases_.resize(rows_ + n);
  for (size_t i = 0; i < n; i++) {
    uint8_t* row = codes_.data() + (rows_ + i) * stride_;
    double bias = 0;
    for (size_t j = 0; j < d; j++) {
      const float level = std::nearbyint((read_at(x, i * d + j) - scale_.offset[j]) / scale_.step[j]);
      const float fits = std::clamp(level, 0.0f, kLevels);
      clipped_ += std::fabs(level - fits) > kFarOut ? 1 : 0;
      const size_t at = j / kNibbleBlock * 64 + j % 64;
      row[at] = static_cast<uint8_t>(row[at] | static_cast<uint8_t>(fits) << (j % kNibbleBlock < 64 ? 0 : 4));
      // (step * (code - 7.5))^2 without what all rows have in common
      const double length = static_cast<double>(scale_.step[j]) * fits;
      bias += length * (length - static_cast<double>(scale_.step[j]) * kLevels);
    }
    if (similarity_) continue;
    biases_[rows_ + i] = static_cast<float>(bias);
    most_bias_ = std::max(most_bias_, std::fabs(biases_[rows_ + i]));
  }
  rows_ += n;
}

void NibbleCodes::truncate(size_t rows) {
  if (rows >= rows_) return;
  rows_ = rows;
  codes_.resize(rows * stride_);
  if (!similarity_) biases_.resize(rows);
}

NibbleCodes NibbleCodes::grown(size_t rows) const {
  NibbleCodes copy(scale_, similarity_);
  copy.codes_.reserve(rows * stride_);
  copy.codes_.assign(codes_.begin(), codes_.end());
  copy.biases_.reserve(rows);
  copy.biases_.assign(biases_.begin(), biases_.end());
  copy.rows_ = rows_;
  copy.most_bias_ = most_bias_;
  copy.clipped_ = clipped_;
  return copy;
}

// With the middle of the scale as origin, a squared distance is the row's own length less twice the product of row and
// query, and a constant. Inner products need no origin.
void NibbleCodes::prepare(const float* x, NibbleQuery& query) const {
  const size_t d = dim();
  query.weights.assign(2 * stride_, 0);
  const auto weight = [&](size_t j) {
    const float origin = similarity_ ? 0 : scale_.offset[j] + kLevels / 2 * scale_.step[j];
    return (x[j] - origin) * scale_.step[j];
  };
  float most = 0;
  for (size_t j = 0; j < d; j++) most = std::max(most, std::fabs(weight(j)));
  const float inverse = most > 0 ? std::min(127 / most, 1e30f) : 0;
  const float bounded = similarity_ || most_bias_ == 0 ? inverse : std::min(inverse, 2 * kMostScore / most_bias_);
  auto* weights = reinterpret_cast<int8_t*>(query.weights.data());
  for (size_t j = 0; j < d; j++) {
    weights[j] = static_cast<int8_t>(std::nearbyint(weight(j) * bounded));
  }
  query.bias_factor = most > 0 ? bounded / 2 : kMostScore / std::max(most_bias_, 1e-30f);
}

}  // namespace quiver::kernels
