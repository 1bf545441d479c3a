#include "core/vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "core/error.h"

namespace quiver {

namespace {

// Lanes of float sums: the compiler turns them into SIMD without -ffast-math, and an overflow to infinity or a NaN
// stays visible in the sum.
float squared_norm(size_t dim, const float* x) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    for (size_t j = 0; j < kLanes; j++) lanes[j] += x[i + j] * x[i + j];
  }
  float sum = 0;
  for (; i < dim; i++) sum += x[i] * x[i];
  for (float lane : lanes) sum += lane;
  return sum;
}

[[noreturn]] void refuse(size_t dim, const float* x, int64_t number, double limit) {
  for (size_t i = 0; i < dim; i++) {
    if (std::isfinite(x[i])) continue;
    throw Error(code::kNotFinite,
                "Vector " + std::to_string(number) + " holds " + std::to_string(x[i]) + " at position " +
                    std::to_string(i) + "; every number must be finite.",
                "finite numbers", std::to_string(x[i]));
  }
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.3g", limit);
  std::string bound = digits;
  bound.erase(std::remove(bound.begin(), bound.end(), '+'), bound.end());
  throw Error(code::kNotFinite,
              "Vector " + std::to_string(number) + " is too large: its squared length must stay below " + bound +
                  ", or distances overflow. Scale the vectors.",
              "squared length < " + bound, "larger");
}

}  // namespace

void check_vectors(size_t n, size_t dim, const float* x, int64_t first, double limit) {
  const auto bound = static_cast<float>(limit);
  for (size_t i = 0; i < n; i++) {
    // The comparison is false for NaN too.
    if (!(squared_norm(dim, x + i * dim) <= bound)) {
      refuse(dim, x + i * dim, first + static_cast<int64_t>(i), limit);
    }
  }
}

void normalize_vectors(size_t n, size_t dim, float* x) {
  for (size_t i = 0; i < n; i++) {
    float* v = x + i * dim;
    double sum = 0;
    for (size_t j = 0; j < dim; j++) sum += static_cast<double>(v[j]) * v[j];
    if (sum <= 0) continue;
    // In double: the reciprocal of a subnormal length would overflow a float.
    const double scale = 1.0 / std::sqrt(sum);
    for (size_t j = 0; j < dim; j++) v[j] = static_cast<float>(v[j] * scale);
  }
}

float* Staging::append(size_t n) {
  pieces_.push_back({n, std::unique_ptr<float[]>(new float[n * dim_])});
  size_ += n;
  return pieces_.back().data.get();
}

void Staging::check(double limit) const {
  int64_t first = 0;
  for (const auto& piece : pieces_) {
    check_vectors(piece.n, dim_, piece.data.get(), first, limit);
    first += static_cast<int64_t>(piece.n);
  }
}

void Staging::normalize() {
  for (auto& piece : pieces_) normalize_vectors(piece.n, dim_, piece.data.get());
}

}  // namespace quiver
