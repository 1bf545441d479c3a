#include "core/region.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/error.h"
#include "core/huge_pages.h"

namespace quiver {

std::shared_ptr<Region> Region::map_file(int fd, size_t size, const std::string& path) {
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    throw Error(errno == ENOMEM ? code::kOutOfMemory : code::kIo,
                "Cannot map " + path + ": " + std::generic_category().message(errno), "a file that can be mapped",
                path);
  }
  return std::shared_ptr<Region>(new Region(static_cast<uint8_t*>(data), size, true));
}

std::shared_ptr<Region> Region::allocate(size_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    throw Error(code::kOutOfMemory, "There is no memory for " + std::to_string(size) + " bytes.",
                std::to_string(size) + " bytes free", std::generic_category().message(errno));
  }
  want_huge_pages(data, size);
  return std::shared_ptr<Region>(new Region(static_cast<uint8_t*>(data), size, false));
}

Region::~Region() {
  munmap(data_, size_);
}

}  // namespace quiver
