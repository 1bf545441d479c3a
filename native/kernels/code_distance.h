// The distance of a query from one row of codes, where the query is not rounded to codes itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiver::kernels {

// The sum over j < n of (query[j] - codes[j])^2, in floats: nothing is taken away from it, so that it is off by at most
// n + 2 roundings, whatever their order.
using CodeDistance = float (*)(const int8_t* codes, const float* query, size_t n);

// The one of this process's level().
CodeDistance code_distance();

namespace levels {
float code_distance_plain(const int8_t*, const float*, size_t);
float code_distance_avx512(const int8_t*, const float*, size_t);
}  // namespace levels

}  // namespace quiver::kernels
