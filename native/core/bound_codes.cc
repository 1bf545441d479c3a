#include "core/bound_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
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

// The levels of y; the squares of what they miss of it.
double encode_part(const float* y, size_t n, double scale, int32_t* levels) {
  double missed = 0;
  const double inverse = 1 / scale;
  for (size_t j = 0; j < n; j++) {
    const double level =
        std::clamp(std::nearbyint(y[j] * inverse), -static_cast<double>(kMostLevel), static_cast<double>(kMostLevel));
    levels[j] = static_cast<int32_t>(level);
    const double off = y[j] - level * scale;
    missed += off * off;
  }
  return missed;
}

constexpr double kNoBound = std::numeric_limits<double>::infinity();

// Rounded up.
void put_error(int8_t* fine, size_t stride, double error) {
  const float value = std::nextafter(static_cast<float>(error), std::numeric_limits<float>::infinity());
  std::memcpy(fine + stride - sizeof(value), &value, sizeof(value));
}

double peak_of(const float* y, size_t n) {
  double peak = 0;
  for (size_t j = 0; j < n; j++) peak = std::max(peak, static_cast<double>(std::fabs(y[j])));
  return peak;
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
    : plane_(std::move(plane)), dots_(kernels::block_dots()), distance_(kernels::code_distance()) {
  const size_t width = plane_.width();
  if (plane_.matrix.empty()) {
    m_ = (width + 3) / 4 * 4;
  } else {
    m_ = plane_.scanned;
    more_ = plane_.matrix.size() / width - m_;
    norm_ = norm_bound(plane_.matrix, width);
    frobenius_ = norm_of(plane_.matrix.data(), plane_.matrix.size());
  }
  if (more_ > 0) fine_stride_ = (axes() + sizeof(float) + 63) / 64 * 64;
  most_ = plane_.most_squares * (1 + 1e-6) + kTiny;
  set_scales(sample, n);
}

void BoundCodes::set_scales(const float* sample, size_t n) {
  std::vector<float> z(plane_.width()), y(axes());
  std::vector<double> peaks, more_peaks, errors;
  std::vector<int32_t> levels(m_);
  const auto each = [&](const auto& take) {
    for (size_t i = 0; i < n; i++) {
      plane_.widen(sample, i, z.data());
      project(z.data(), 1, y.data());
      take();
    }
  };
  each([&] {
    peaks.push_back(peak_of(y.data(), m_));
    more_peaks.push_back(peak_of(y.data() + m_, more_));
  });
  const auto scale_of = [](std::vector<double> all) {
    const double scale = most_of(std::move(all), kOutside) / kMostLevel;
    return scale > 1e-30 ? scale : 1.0;
  };
  scale_ = scale_of(std::move(peaks));
  more_scale_ = scale_of(std::move(more_peaks));
  each([&] {
    errors.push_back(std::sqrt(encode_part(y.data(), m_, scale_, levels.data())) * kWider + slack(z.data()));
  });
  limit_ = most_of(std::move(errors), kLargeErrors) * kSpareError + kTiny;
}

double BoundCodes::gamma(size_t n) const {
  const double nu = static_cast<double>(n) * kUnit;
  return nu / (1 - nu) * kWider;
}

double BoundCodes::slack(const float* z) const {
  const double length = norm_of(z, plane_.width());
  const double lost = plane_.matrix.empty() ? 0 : gamma(plane_.width() + 4) * frobenius_;
  return (lost + 2 * kUnit * norm_) * length * kWider + static_cast<double>(axes() * plane_.width()) * kTiny;
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
  auto m = static_cast<FINTEGER>(axes()), d = static_cast<FINTEGER>(width), rows = static_cast<FINTEGER>(n);
  FINTEGER step = 1;
  const float one = 1, zero = 0;
  if (n == 1) {
    sgemv_("T", &d, &m, &one, plane_.matrix.data(), &d, z, &step, &zero, y, &step);
  } else {
    sgemm_("T", "N", &m, &rows, &d, &one, plane_.matrix.data(), &d, z, &d, &zero, y, &m);
  }
}

EncodedRows BoundCodes::encode(const float* x, size_t first, size_t n) const {
  const size_t width = plane_.width();
  EncodedRows rows;
  rows.codes.resize(n * m_);
  rows.squares.resize(n);
  rows.fine.resize(n * fine_stride_);
  std::vector<float> z(kEncodeBlock * width), y(kEncodeBlock * axes());
  std::vector<int32_t> levels(axes());
  for (size_t from = 0; from < n; from += kEncodeBlock) {
    const size_t some = std::min(kEncodeBlock, n - from);
    for (size_t i = 0; i < some; i++) plane_.widen(x, first + from + i, z.data() + i * width);
    project(z.data(), some, y.data());
    for (size_t i = 0; i < some; i++) {
      const float* at = y.data() + i * axes();
      const double missed = encode_part(at, m_, scale_, levels.data()), lost = slack(z.data() + i * width);
      const double error = std::sqrt(missed) * kWider + lost;
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
      if (!has_fine()) continue;
      const double more = encode_part(at + m_, more_, more_scale_, levels.data() + m_);
      int8_t* fine = rows.fine.data() + (from + i) * fine_stride_;
      for (size_t j = 0; j < axes(); j++) fine[j] = static_cast<int8_t>(levels[j]);
      put_error(fine, fine_stride_, bounded ? std::sqrt(missed + more) * kWider + lost : kNoBound);
    }
  }
  return rows;
}

BoundCodes BoundCodes::grown(size_t rows) const {
  BoundCodes copy(*this);
  copy.codes_.resize(blocks(rows) * kBlockRows * m_);
  copy.squares_.resize(blocks(rows) * kBlockRows);
  copy.fine_.resize(blocks(rows) * kBlockRows * fine_stride_);
  return copy;
}

void BoundCodes::append(const EncodedRows& encoded) {
  for (size_t i = 0; i < encoded.squares.size(); i++) {
    const size_t row = rows_ + i;
    uint8_t* to = at(row) + row % kBlockRows * 4;
    const uint8_t* from = encoded.codes.data() + i * m_;
    for (size_t j = 0; j < m_; j += 4) std::memcpy(to + j * kBlockRows, from + j, 4);
    squares_[row] = encoded.squares[i];
    if (has_fine()) std::memcpy(fine_at(row), encoded.fine.data() + i * fine_stride_, fine_stride_);
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
    if (has_fine()) std::memcpy(fine_at(to), fine_at(from), fine_stride_);
  } else if (has_fine()) {
    put_error(reinterpret_cast<int8_t*>(fine_at(to)), fine_stride_, kNoBound);
  }
  // A row that has no code yet has no bound either.
  squares_[to] = from < rows_ ? squares_[from] : kUnbounded;
  unbounded_ += squares_[to] == kUnbounded ? 1 : 0;
}

void BoundCodes::truncate(size_t rows) {
  for (; rows_ > rows; rows_--) unbounded_ -= squares_[rows_ - 1] == kUnbounded ? 1 : 0;
}

void BoundCodes::prepare(const float* x, size_t n, BoundQuery* queries) const {
  const size_t width = plane_.width();
  std::vector<float> z(n * width), y(n * axes());
  for (size_t i = 0; i < n; i++) {
    BoundQuery& query = queries[i];
    for (size_t j = 0; j < plane_.dim; j++) {
      const float value = x[i * plane_.dim + j];
      z[i * width + j] = value - plane_.center[j];
      query.squares += static_cast<double>(value) * value;
    }
    if (plane_.similarity) z[i * width + plane_.dim] = -plane_.center[plane_.dim];
  }
  project(z.data(), n, y.data());
  std::vector<int32_t> levels(m_);
  for (size_t i = 0; i < n; i++) {
    BoundQuery& query = queries[i];
    const float* at = y.data() + i * axes();
    const double lost = slack(z.data() + i * width);
    query.error = std::sqrt(encode_part(at, m_, scale_, levels.data())) * kWider + lost;
    query.codes.resize(m_);
    for (size_t j = 0; j < m_; j++) {
      query.codes[j] = static_cast<int8_t>(levels[j]);
      // Codes are 128 more than levels: score = |c|^2 - 2 (c + 128) cq.
      query.constant += levels[j] * levels[j] + 256 * levels[j];
    }
    if (!has_fine()) continue;
    query.fine_error = lost + kUnit * norm_of(at, axes());
    query.fine.resize(axes());
    for (size_t j = 0; j < axes(); j++) {
      query.fine[j] = static_cast<float>(at[j] / (j < m_ ? scale_ : more_scale_));
    }
  }
}

void BoundCodes::scores(const int8_t* queries, size_t count, size_t from, size_t n, int32_t* out,
                        size_t out_stride) const {
  dots_(codes_.data() + from * m_, m_, blocks(n), squares_.data() + from, queries, count, out, out_stride);
}

double BoundCodes::radius(const BoundQuery& query, float worst) const {
  const double rounding = gamma(plane_.dim + 4), tiny = static_cast<double>(plane_.dim) * kTiny;
  double squares;
  if (plane_.similarity) {
    const double off = rounding * std::sqrt(query.squares * most_) * kWider + tiny;
    squares = query.squares + most_ - 2 * (worst - off);
    squares += 1e-9 * (query.squares + most_ + 2 * std::fabs(static_cast<double>(worst)));
  } else {
    squares = (static_cast<double>(worst) + tiny) / (1 - rounding) * kWider;
  }
  return norm_ * std::sqrt(std::max(squares, 0.0));
}

int32_t BoundCodes::limit(const BoundQuery& query, float worst) const {
  const double reach = (radius(query, worst) + error_ + query.error) / scale_ * kWider;
  const double most = std::ceil(reach * reach * kWider) + 1 - static_cast<double>(query.constant);
  // Also for what is not a number: every row is kept.
  if (!(most < kNoScore - 1)) return kNoScore - 1;
  return static_cast<int32_t>(std::max(most, static_cast<double>(kLeastScore)));
}

double BoundCodes::reach(const BoundQuery& query, float worst) const {
  return (radius(query, worst) + query.fine_error) * kWider;
}

double BoundCodes::span(const BoundQuery& query, size_t row) const {
  const auto* codes = reinterpret_cast<const int8_t*>(fine_at(row));
  const double scanned = distance_(codes, query.fine.data(), m_) * scale_ * scale_;
  const double more = distance_(codes + m_, query.fine.data() + m_, more_) * more_scale_ * more_scale_;
  const double tiny = static_cast<double>(axes()) * kTiny * (scale_ * scale_ + more_scale_ * more_scale_);
  const double least = (scanned + more) * (1 - gamma(axes() + 4)) / kWider - tiny;
  float error;
  std::memcpy(&error, codes + fine_stride_ - sizeof(error), sizeof(error));
  return std::sqrt(std::max(least, 0.0)) / kWider - error;
}

}  // namespace quiver
