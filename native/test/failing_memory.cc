#include "test/failing_memory.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace quiver::test {

namespace {

thread_local int64_t until_failure = 0;  // 0: none is due
std::atomic<uint64_t> largest{0};

void* allocate(size_t size) {
  if (until_failure > 0 && --until_failure == 0) throw std::bad_alloc();
  uint64_t seen = largest.load(std::memory_order_relaxed);
  while (size > seen && !largest.compare_exchange_weak(seen, size, std::memory_order_relaxed)) {
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

FailingMemory::FailingMemory(int64_t nth) {
  until_failure = nth;
}

FailingMemory::~FailingMemory() {
  until_failure = 0;
}

uint64_t largest_allocation() {
  return largest.exchange(0);
}

}  // namespace quiver::test

// In place of the library's, for the whole test binary. The aligned forms stay as they are.
void* operator new(size_t size) {
  return quiver::test::allocate(size);
}
void* operator new[](size_t size) {
  return quiver::test::allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
