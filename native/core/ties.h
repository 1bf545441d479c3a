// The order of hits that are equally far.
#pragma once

#include <algorithm>
#include <cstdint>

namespace quiver {

// Among equal distances the lower id comes first.
inline void order_ties(int64_t k, int64_t* ids, const float* distances) {
  for (int64_t i = 0; i + 1 < k; i++) {
    if (distances[i] != distances[i + 1] || ids[i + 1] < 0) continue;
    int64_t end = i + 2;
    while (end < k && distances[end] == distances[i] && ids[end] >= 0) end++;
    std::sort(ids + i, ids + end);
    i = end - 1;
  }
}

}  // namespace quiver
