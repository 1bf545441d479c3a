// Queries that an index is tried with before there are any of its users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/unaligned.h"

namespace quiver {

// count * dim numbers made of n vectors `x`: each near a vector of the index, and none of them one.
inline std::vector<float> trial_queries(const float* x, int64_t n, size_t dim, int64_t count) {
  constexpr int64_t kPrime = 7919;  // what is mixed in lies anywhere
  std::vector<float> queries(static_cast<size_t>(count) * dim);
  for (int64_t i = 0; i < count; i++) {
    const size_t a = static_cast<size_t>(i * (n / count)) * dim;
    const size_t b = static_cast<size_t>((i * kPrime + 1) % n) * dim;
    for (size_t j = 0; j < dim; j++) {
      queries[static_cast<size_t>(i) * dim + j] = 0.8f * kernels::read_at(x, a + j) + 0.2f * kernels::read_at(x, b + j);
    }
  }
  return queries;
}

}  // namespace quiver
