// Numbers in the bytes of a file that an index is a view of: they lie wherever the file has them, and to read them in
// place as if they lay at a multiple of their size would be undefined behaviour. This compiles to the same load.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace quiver::kernels {

template <class T>
T read_at(const T* x, size_t i) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(x) + i * sizeof(T), sizeof(T));
  return value;
}

}  // namespace quiver::kernels
