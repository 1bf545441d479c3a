#include "core/bound_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/blas.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

using kernels::kBlockRows;
using kernels::read_at;

constexpr double kUnit = 0x1p-24;
constexpr double kWider = 1 + 1e-9;
// What products too small for a float may lose, each.
constexpr double kTiny = 0x1p-147;
constexpr int kMostLevel = 127;
// The scale takes in all but the first share of the sample. All but the second have errors that a row may have, times
// the spare. What is outside is looked at by every search, what is inside widens the bound of all.
constexpr double kOutside = 0.0005, kLargeErrors = 0.002, kSpareError = 1.1;
constexpr int32_t kUnbounded = -(1 << 30);
constexpr size_t kEncodeBlock = 256;

double norm_of(const float* x, size_t n) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += static_cast<double>(x[j]) * x[j];
  return std::sqrt(sum) * kWider;
}

// All but a share of the numbers are at most this.
double most_of(std::vector<double> numbers, double outside) {
  if (numbers.empty()) return 0;
  const auto rank = static_cast<size_t>(static_cast<double>(numbers.size() - 1) * (1 - outside));
  std::nth_element(numbers.begin(), numbers.begin() + static_cast<int64_t>(rank), numbers.end());
  return numbers[rank];
}

// At least the largest factor by which the matrix lengthens a vector, however orthogonal its rows are.
double norm_bound(const std::vector<float>& matrix, size_t width) {
  const size_t m = matrix.size() / width;
  std::vector<double> sums(m, 0);
  for (size_t a = 0; a < m; a++) {
    for (size_t b = 0; b <= a; b++) {
      double dot = 0;
      for (size_t j = 0; j < width; j++) dot += static_cast<double>(matrix[a * width + j]) * matrix[b * width + j];
      sums[a] += std::fabs(dot);
      if (a != b) sums[b] += std::fabs(dot);
    }
  }
  return std::sqrt(*std::max_element(sums.begin(), sums.end()) + 1e-9);
}

}  // namespace

void Plane::widen(const float* x, size_t row, float* to) const {
  double squares = 0;
  for (size_t j = 0; j < dim; j++) {
    const float value = read_at(x, row * dim + j);
    squares += static_cast<double>(value) * value;
    to[j] = value - center[j];
  }
  if (similarity) to[dim] = static_cast<float>(std::sqrt(std::max(0.0, most_squares - squares))) - center[dim];
}

BoundCodes::BoundCodes(Plane plane, const float* sample, size_t n)
    : plane_(std::move(plane)), dots_(kernels::block_dots()) {
  const size_t width = plane_.width();
  const size_t used = plane_.matrix.empty() ? width : plane_.matrix.size() / width;
  m_ = (used + 3) / 4 * 4;
  plane_.matrix.resize(plane_.matrix.empty() ? 0 : m_ * width, 0.0f);
  if (!plane_.matrix.empty()) {
    norm_ = norm_bound(plane_.matrix, width);
    frobenius_ = norm_of(plane_.matrix.data(), plane_.matrix.size());
  }
  most_ = plane_.most_squares * (1 + 1e-6) + kTiny;
  std::vector<float> z(width), y(m_);
  std::vector<double> peaks, errors;
  std::vector<int32_t> levels(m_);
  const auto each = [&](const auto& take) {
    for (size_t i = 0; i < n; i++) {
      plane_.widen(sample, i, z.data());
      project(z.data(), 1, y.data());
      take();
    }
  };
  each([&] {
    double peak = 0;
    for (const float value : y) peak = std::max(peak, static_cast<double>(std::fabs(value)));
    peaks.push_back(peak);
  });
  scale_ = most_of(std::move(peaks), kOutside) / kMostLevel;
  if (!(scale_ > 1e-30)) scale_ = 1;
  each([&] { errors.push_back(encode_one(y.data(), levels.data()) + slack(z.data())); });
  limit_ = most_of(std::move(errors), kLargeErrors) * kSpareError + kTiny;
}

double BoundCodes::gamma(size_t n) const {
  const double nu = static_cast<double>(n) * kUnit;
  return nu / (1 - nu) * kWider;
}

double BoundCodes::slack(const float* z) const {
  const double length = norm_of(z, plane_.width());
  const double lost = plane_.matrix.empty() ? 0 : gamma(plane_.width() + 4) * frobenius_;
  return (lost + 2 * kUnit * norm_) * length * kWider + static_cast<double>(m_ * plane_.width()) * kTiny;
}

void BoundCodes::project(const float* z, size_t n, float* y) const {
  const size_t width = plane_.width();
  if (plane_.matrix.empty()) {
    for (size_t i = 0; i < n; i++) {
      std::copy_n(z + i * width, width, y + i * m_);
      std::fill(y + i * m_ + width, y + (i + 1) * m_, 0.0f);
    }
    return;
  }
  auto m = static_cast<FINTEGER>(m_), d = static_cast<FINTEGER>(width), rows = static_cast<FINTEGER>(n);
  FINTEGER step = 1;
  const float one = 1, zero = 0;
  if (n == 1) {
    sgemv_("T", &d, &m, &one, plane_.matrix.data(), &d, z, &step, &zero, y, &step);
  } else {
    sgemm_("T", "N", &m, &rows, &d, &one, plane_.matrix.data(), &d, z, &d, &zero, y, &m);
  }
}

// The levels of y; what they miss of it.
double BoundCodes::encode_one(const float* y, int32_t* levels) const {
  double missed = 0;
  const double inverse = 1 / scale_;
  for (size_t j = 0; j < m_; j++) {
    const double level =
        std::clamp(std::nearbyint(y[j] * inverse), -static_cast<double>(kMostLevel), static_cast<double>(kMostLevel));
    levels[j] = static_cast<int32_t>(level);
    const double off = y[j] - level * scale_;
    missed += off * off;
  }
  return std::sqrt(missed) * kWider;
}

EncodedRows BoundCodes::encode(const float* x, size_t first, size_t n) const {
  const size_t width = plane_.width();
  EncodedRows rows;
  rows.codes.resize(n * m_);
  rows.squares.resize(n);
  std::vector<float> z(kEncodeBlock * width), y(kEncodeBlock * m_);
  std::vector<int32_t> levels(m_);
  for (size_t from = 0; from < n; from += kEncodeBlock) {
    const size_t some = std::min(kEncodeBlock, n - from);
    for (size_t i = 0; i < some; i++) plane_.widen(x, first + from + i, z.data() + i * width);
    project(z.data(), some, y.data());
    for (size_t i = 0; i < some; i++) {
      const double error = encode_one(y.data() + i * m_, levels.data()) + slack(z.data() + i * width);
      int32_t squares = 0;
      for (size_t j = 0; j < m_; j++) {
        squares += levels[j] * levels[j];
        rows.codes[(from + i) * m_ + j] = static_cast<uint8_t>(levels[j] + 128);
      }
      bool bounded = error <= limit_;  // also false for what is not a number
      if (plane_.similarity) {
        double length = 0;
        for (size_t j = 0; j < plane_.dim; j++) {
          const double value = read_at(x, (first + from + i) * plane_.dim + j);
          length += value * value;
        }
        bounded = bounded && length <= plane_.most_squares;
      }
      rows.squares[from + i] = bounded ? squares : kUnbounded;
      if (bounded) rows.error = std::max(rows.error, error);
    }
  }
  return rows;
}

BoundCodes BoundCodes::grown(size_t rows) const {
  BoundCodes copy(*this);
  copy.codes_.resize(blocks(rows) * kBlockRows * m_);
  copy.squares_.resize(blocks(rows) * kBlockRows);
  return copy;
}

void BoundCodes::append(const EncodedRows& encoded) {
  for (size_t i = 0; i < encoded.squares.size(); i++) {
    const size_t row = rows_ + i;
    uint8_t* to = at(row) + row % kBlockRows * 4;
    const uint8_t* from = encoded.codes.data() + i * m_;
    for (size_t j = 0; j < m_; j += 4) std::memcpy(to + j * kBlockRows, from + j, 4);
    squares_[row] = encoded.squares[i];
    unbounded_ += squares_[row] == kUnbounded ? 1 : 0;
  }
  rows_ += encoded.squares.size();
  error_ = std::max(error_, encoded.error);
}

void BoundCodes::move(size_t from, size_t to) {
  if (to >= rows_) return;
  unbounded_ -= squares_[to] == kUnbounded ? 1 : 0;
  if (from < rows_) {
    const uint8_t* old = at(from) + from % kBlockRows * 4;
    uint8_t* fresh = at(to) + to % kBlockRows * 4;
    for (size_t j = 0; j < m_; j += 4) std::memcpy(fresh + j * kBlockRows, old + j * kBlockRows, 4);
  }
  // A row that has no code yet has no bound either.
  squares_[to] = from < rows_ ? squares_[from] : kUnbounded;
  unbounded_ += squares_[to] == kUnbounded ? 1 : 0;
}

void BoundCodes::truncate(size_t rows) {
  for (; rows_ > rows; rows_--) unbounded_ -= squares_[rows_ - 1] == kUnbounded ? 1 : 0;
}

BoundQuery BoundCodes::prepare(const float* x) const {
  BoundQuery query;
  std::vector<float> z(plane_.width()), y(m_);
  for (size_t j = 0; j < plane_.dim; j++) {
    z[j] = x[j] - plane_.center[j];
    query.squares += static_cast<double>(x[j]) * x[j];
  }
  if (plane_.similarity) z[plane_.dim] = -plane_.center[plane_.dim];
  project(z.data(), 1, y.data());
  std::vector<int32_t> levels(m_);
  query.error = encode_one(y.data(), levels.data()) + slack(z.data());
  query.codes.resize(m_);
  for (size_t j = 0; j < m_; j++) {
    query.codes[j] = static_cast<int8_t>(levels[j]);
    // Codes are 128 more than levels: score = |c|^2 - 2 (c + 128) cq.
    query.constant += levels[j] * levels[j] + 256 * levels[j];
  }
  return query;
}

void BoundCodes::scores(const int8_t* queries, size_t count, size_t from, size_t n, int32_t* out,
                        size_t out_stride) const {
  dots_(codes_.data() + from * m_, m_, blocks(n), squares_.data() + from, queries, count, out, out_stride);
}

int32_t BoundCodes::limit(const BoundQuery& query, float worst) const {
  const double rounding = gamma(plane_.dim + 4), tiny = static_cast<double>(plane_.dim) * kTiny;
  double squares;
  if (plane_.similarity) {
    const double off = rounding * std::sqrt(query.squares * most_) * kWider + tiny;
    squares = query.squares + most_ - 2 * (worst - off);
    squares += 1e-9 * (query.squares + most_ + 2 * std::fabs(static_cast<double>(worst)));
  } else {
    squares = (static_cast<double>(worst) + tiny) / (1 - rounding) * kWider;
  }
  const double reach = (norm_ * std::sqrt(std::max(squares, 0.0)) + error_ + query.error) / scale_ * kWider;
  const double most = std::ceil(reach * reach * kWider) + 1 - static_cast<double>(query.constant);
  // Also for what is not a number: every row is kept.
  if (!(most < kNoScore - 1)) return kNoScore - 1;
  return static_cast<int32_t>(std::max(most, static_cast<double>(kLeastScore)));
}

}  // namespace quiver
