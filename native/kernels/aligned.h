// Bytes at an address that whole vector registers can be loaded from.
#pragma once

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
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(Alignment))); }
  void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t(Alignment)); }
  bool operator==(const AlignedAllocator&) const { return true; }
  bool operator!=(const AlignedAllocator&) const { return false; }
};

using AlignedBytes = std::vector<uint8_t, AlignedAllocator<uint8_t, 64>>;

}  // namespace quiver::kernels
