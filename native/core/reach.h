// How long a vector may be before the transforms of an index make its distances overflow.
#pragma once

#include <faiss/Index.h>

namespace quiver {

// kMaxSquaredNorm, or less when a transform in the nest lengthens vectors. FAISS's lists end the process on distances
// that overflow, so what is above is refused before it gets there.
double squared_norm_limit(const faiss::Index& index);

}  // namespace quiver
