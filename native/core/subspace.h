// The subspace in which most of a set of vectors lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quiver {

struct Subspace {
  std::vector<float> basis;  // size * dim; the axes are random, so that components come out alike
  std::vector<float> mean;   // dim
  double share = 0;          // of the variance (centred) or of the squared lengths that lies in it
};

// Of n * dim numbers; n >= size. About 6 * n * dim * size multiplications.
// By power iteration on a random start: N. Halko, P. Martinsson, J. Tropp, Finding structure with randomness, 2011.
Subspace subspace_of(const float* x, size_t n, size_t dim, size_t size, bool centred);

}  // namespace quiver
