#include "kernels/level.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
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

std::string wanted_name() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, on the thread that makes the first index.
  const char* value = std::getenv("QUIVER_KERNELS");
  return value == nullptr ? "" : value;
}

Level most_wanted() {
  const std::string name = wanted_name();
  if (name == "off") return Level::kOff;
  if (name == "v2") return Level::kV2;
  return name == "v3" ? Level::kV3 : Level::kV4;
}

bool cpu_has_tiles() {
  constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTile) != 0 && (d & kInt8) != 0;
}

// The state of tiles is 8 KiB a thread, which Linux (5.16 and newer) saves only for those who ask.
bool may_use_tiles() {
  constexpr int64_t kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

Level level() {
  static const Level found = std::min(of_cpu(), most_wanted());
  return found;
}

bool has_tiles() {
  static const bool found = level() == Level::kV4 && wanted_name() != "v4" && cpu_has_tiles() && may_use_tiles();
  return found;
}

}  // namespace quiver::kernels
