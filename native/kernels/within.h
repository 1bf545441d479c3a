// Where in a long row of scores the few are that are small enough.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiver::kernels {

// The first i from `from` on with scores[i] <= limit; n where there is none.
using NextWithin = size_t (*)(const int32_t* scores, size_t from, size_t n, int32_t limit);

// The one of this process's level().
NextWithin next_within();

namespace levels {
size_t next_within_plain(const int32_t*, size_t, size_t, int32_t);
size_t next_within_avx2(const int32_t*, size_t, size_t, int32_t);
size_t next_within_avx512(const int32_t*, size_t, size_t, int32_t);
}  // namespace levels

}  // namespace quiver::kernels
