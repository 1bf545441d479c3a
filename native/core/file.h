// Files that are there whole or not at all, and plain reading of them.
#pragma once

#include <faiss/impl/io.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/region.h"
#include "core/ticket.h"

namespace quiver {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }
  // Another descriptor of the same open file.
  Fd copy() const;
  // Closes now and throws E_IO when the system reports a late write error.
  void close(const std::string& path);

 private:
  int fd_ = -1;
};

// Where bytes go. Every failure is an E_IO: FAISS's own writer reports success on a full disk.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const void* data, size_t size) = 0;
  // Overwrites bytes at the start.
  virtual void patch(const void* data, size_t size) = 0;
  uint64_t position() const { return position_; }

 protected:
  uint64_t position_ = 0;
};

// Writes a temporary file beside `path`; publish() syncs it, renames it over `path` and syncs the folder. Without
// publish() nothing is left behind; what a killed process left behind goes with the next write to the same path. A link
// is followed, and a file that is there keeps its owner and its permissions.
class AtomicFile final : public Sink {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile() override;
  void write(const void* data, size_t size) override;
  void patch(const void* data, size_t size) override;
  void publish();

 private:
  void flush();
  void put(const uint8_t* data, size_t size);

  std::string path_;
  std::string temporary_;
  Fd fd_;
  std::vector<uint8_t> buffer_;
  size_t used_ = 0;
};

class MemorySink final : public Sink {
 public:
  void write(const void* data, size_t size) override;
  void patch(const void* data, size_t size) override;
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// Lets FAISS write to a sink: large blocks in pieces, so that the call can be cancelled and reports how far it is.
class TicketWriter : public faiss::IOWriter {
 public:
  // `phase` must be a string literal; `total` is an estimate.
  TicketWriter(Sink& sink, const Ticket& ticket, const char* phase, int64_t total)
      : sink_(sink), ticket_(ticket), phase_(phase), total_(total) {}
  size_t operator()(const void* data, size_t size, size_t items) override;

 private:
  Sink& sink_;
  const Ticket& ticket_;
  const char* phase_;
  int64_t total_;
};

// Throws E_IO for what errno says went wrong while doing something with a path. `denied`: what to say when it may not.
[[noreturn]] void fail_io(const std::string& doing, const std::string& path, int error,
                          const char* denied = " Check who may write there.");

// Opens for reading; E_NOT_FOUND or E_IO. Never waits, as opening a pipe would.
Fd open_for_reading(const std::string& path);
uint64_t size_of(const Fd& fd, const std::string& path);
// Reads all of [offset, offset + size); a short read is E_IO.
void read_exactly(const Fd& fd, void* data, size_t size, uint64_t offset, const std::string& path);

}  // namespace quiver
