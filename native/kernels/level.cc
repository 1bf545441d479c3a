#include "kernels/level.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace quiver::kernels {

namespace {

Level of_cpu() {
  if (__builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0) {
    return Level::kV4;
  }
  return __builtin_cpu_supports("avx2") != 0 ? Level::kV3 : Level::kV2;
}

Level most_wanted() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, on the thread that makes the first index.
  const char* value = std::getenv("QUIVER_KERNELS");
  const std::string name = value == nullptr ? "" : value;
  if (name == "off") return Level::kOff;
  if (name == "v2") return Level::kV2;
  return name == "v3" ? Level::kV3 : Level::kV4;
}

}  // namespace

Level level() {
  static const Level found = std::min(of_cpu(), most_wanted());
  return found;
}

}  // namespace quiver::kernels
