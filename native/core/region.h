// A piece of memory that an index is read from: a mapped file, or anonymous memory that a file was read into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace quiver {

class Region {
 public:
  // Throws E_IO. A mapped file must not be truncated while it is in use; replacing it by rename is safe.
  static std::shared_ptr<Region> map_file(int fd, size_t size, const std::string& path);
  static std::shared_ptr<Region> allocate(size_t size);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  const uint8_t* data() const { return data_; }
  uint8_t* writable() { return data_; }
  size_t size() const { return size_; }
  bool mapped() const { return mapped_; }

 private:
  Region(uint8_t* data, size_t size, bool mapped) : data_(data), size_(size), mapped_(mapped) {}
  uint8_t* data_;
  size_t size_;
  bool mapped_;
};

}  // namespace quiver
