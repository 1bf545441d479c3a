// Large pages for arrays that are read in no order: with small ones each read would also look for its page.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace quiver {

// For memory that nothing was written to yet. A wish: where the system does not have them, pages stay small.
inline void want_huge_pages(const void* at, size_t bytes) {
  constexpr uintptr_t kPage = 4096;
  constexpr size_t kHugePage = size_t{2} << 20;
  if (bytes < kHugePage) return;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(at) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(at) + bytes) / kPage * kPage;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a page's address
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace quiver
