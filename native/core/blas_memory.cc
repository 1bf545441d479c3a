// OpenBLAS takes a work buffer for each call. Where the system gives it none, it asks again for ever: the thread would
// hang. The linker puts this before its blas_memory_alloc, blas_memory_free and mmap (--wrap, in CMakeLists.txt). A
// call that needs one buffer more than there ever were gets the memory here, while OpenBLAS holds nothing and
// std::bad_alloc may pass through it, and hands it to the mmap that OpenBLAS then makes.
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <new>

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): ld gives these names
void* __real_blas_memory_alloc(int position);
void __real_blas_memory_free(void* buffer);
void* __real_mmap(void* where, size_t size, int access, int flags, int file, off_t offset);
void* __wrap_blas_memory_alloc(int position);
void __wrap_blas_memory_free(void* buffer);
void* __wrap_mmap(void* where, size_t size, int access, int flags, int file, off_t offset);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace {

// BUFFER_SIZE of OpenBLAS's common_x86_64.h: address space, of which it touches what it needs.
constexpr size_t kBufferBytes = 32UL << 22;

// OpenBLAS keeps its buffers: only more calls at once than ever before need a new one.
std::atomic<int> used{0};
std::atomic<int> most{0};

thread_local void* reserved = nullptr;

void* reserve() {
  void* place = __real_mmap(nullptr, kBufferBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return place == MAP_FAILED ? nullptr : place;
}

}  // namespace

void* __wrap_blas_memory_alloc(int position) {
  const int now = used.fetch_add(1, std::memory_order_relaxed) + 1;
  int before = most.load(std::memory_order_relaxed);
  if (now <= before) return __real_blas_memory_alloc(position);
  reserved = reserve();
  if (reserved == nullptr) {
    used.fetch_sub(1, std::memory_order_relaxed);
    throw std::bad_alloc();
  }
  void* buffer = __real_blas_memory_alloc(position);
  if (reserved != nullptr) munmap(reserved, kBufferBytes);  // there was a buffer that another call had just given back
  reserved = nullptr;
  while (now > before && !most.compare_exchange_weak(before, now, std::memory_order_relaxed)) {
  }
  return buffer;
}

void __wrap_blas_memory_free(void* buffer) {
  __real_blas_memory_free(buffer);
  used.fetch_sub(1, std::memory_order_relaxed);
}

void* __wrap_mmap(void* where, size_t size, int access, int flags, int file, off_t offset) {
  if (reserved == nullptr || size != kBufferBytes) return __real_mmap(where, size, access, flags, file, offset);
  void* place = reserved;
  reserved = nullptr;
  return place;
}
