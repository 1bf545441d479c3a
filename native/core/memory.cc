#include "core/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace quiver {

namespace {

constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

uint64_t number_in(const char* path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : kUnknown;
}

// The number behind `key` in a file of `key number` lines.
uint64_t value_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, key.size(), key) == 0) return std::stoull(line.substr(key.size()));
  }
  return kUnknown;
}

uint64_t system_available() {
  const uint64_t kib = value_of("/proc/meminfo", "MemAvailable:");
  return kib == kUnknown ? kUnknown : kib * 1024;
}

// A container's own view of cgroup v2, then v1.
uint64_t container_available() {
  uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
  uint64_t used = number_in("/sys/fs/cgroup/memory.current");
  // The kernel drops cached file pages by itself before it refuses memory.
  const uint64_t cache = value_of("/sys/fs/cgroup/memory.stat", "inactive_file");
  if (used != kUnknown && cache != kUnknown) used -= std::min(used, cache);
  if (limit == kUnknown || used == kUnknown) {
    limit = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    used = number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes");
  }
  if (limit == kUnknown || used == kUnknown) return kUnknown;
  return limit > used ? limit - used : 0;
}

}  // namespace

uint64_t available_memory() {
  return std::min(system_available(), container_available());
}

}  // namespace quiver
