// Bytes at an address that whole vector registers can be loaded from.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace quiver::kernels {

template <typename T, size_t Alignment>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  explicit AlignedAllocator(const AlignedAllocator<U, Alignment>&) {}
  template <typename U>
  struct rebind {
    using other = AlignedAllocator<U, Alignment>;
  };
  T* allocate(size_t n) {
    const size_t bytes = n * sizeof(T);
    auto* at = ::operator new(bytes, std::align_val_t(alignment_of(bytes)));
    // Rows are read in no order: with small pages each read would also look for its page.
    if (bytes >= kHugePage) madvise(at, bytes, MADV_HUGEPAGE);
    return static_cast<T*>(at);
  }
  void deallocate(T* at, size_t n) { ::operator delete(at, std::align_val_t(alignment_of(n * sizeof(T)))); }
  static constexpr size_t kHugePage = size_t{2} << 20;
  static size_t alignment_of(size_t bytes) { return bytes >= kHugePage ? kHugePage : Alignment; }
  bool operator==(const AlignedAllocator&) const { return true; }
  bool operator!=(const AlignedAllocator&) const { return false; }
};

using AlignedBytes = std::vector<uint8_t, AlignedAllocator<uint8_t, 64>>;

}  // namespace quiver::kernels
