#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace quiver {

namespace {

constexpr size_t kBufferBytes = 1 << 20;

[[noreturn]] void fail(const std::string& doing, const std::string& path, int error,
                       const char* denied = " Check who may write there.") {
  std::string hint;
  if (error == ENOSPC || error == EDQUOT) hint = " Free some space; what was at the path is untouched.";
  if (error == ENOENT) hint = " Make the folder first.";
  if (error == EACCES || error == EROFS) hint = denied;
  throw Error(code::kIo, "Cannot " + doing + " " + path + ": " + std::generic_category().message(error) + "." + hint,
              "success", std::generic_category().message(error));
}

// Where a link leads to, so that the link stays one; else the path as it is.
std::string target_of(std::string path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0 || !S_ISLNK(found.st_mode)) return path;
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr), &std::free);
  return target ? target.get() : path;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The name is cut, so that the longest one that the file system takes leaves room for what is added to it.
std::string temporary_name(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  const size_t slash = path.rfind('/');
  const std::string name = (slash == std::string::npos ? path : path.substr(slash + 1)).substr(0, 200);
  return folder_of(path) + "/." + name + "." + std::to_string(getpid()) + "-" + std::to_string(counter++) + ".tmp";
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void Fd::close(const std::string& path) {
  const int fd = std::exchange(fd_, -1);
  // EINTR leaves the descriptor closed on Linux: never close it twice.
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) fail("close", path, errno);
}

AtomicFile::AtomicFile(std::string path) : path_(target_of(std::move(path))), buffer_(kBufferBytes) {
  struct stat found{};
  const bool exists = stat(path_.c_str(), &found) == 0;
  if (exists && !S_ISREG(found.st_mode)) {
    throw Error(code::kIo, "Cannot write " + path_ + ": it is not a regular file.", "a file path",
                S_ISDIR(found.st_mode) ? "a folder" : "a device or pipe");
  }
  const std::string temporary = temporary_name(path_);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) fail("create a file in", folder_of(path_), errno);
  fd_ = Fd(fd);
  temporary_ = temporary;
  if (!exists) return;
  // Another owner can only be given by root, and some file systems know no permissions: then it is ours, as new files
  // are.
  const bool given = fchown(fd, found.st_uid, found.st_gid) == 0;
  if (given || found.st_uid == geteuid()) fchmod(fd, found.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::put(const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd_.get(), data, std::min(size, size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path_, errno);
    if (written == 0) fail("write", path_, ENOSPC);
    data += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::flush() {
  put(buffer_.data(), used_);
  used_ = 0;
}

void AtomicFile::write(const void* data, size_t size) {
  position_ += size;
  const auto* bytes = static_cast<const uint8_t*>(data);
  if (used_ + size > buffer_.size()) flush();
  if (size >= buffer_.size()) {
    put(bytes, size);
    return;
  }
  std::memcpy(buffer_.data() + used_, bytes, size);
  used_ += size;
}

void AtomicFile::patch(const void* data, size_t size) {
  flush();
  const auto* bytes = static_cast<const uint8_t*>(data);
  size_t done = 0;
  while (done < size) {
    const ssize_t written = pwrite(fd_.get(), bytes + done, size - done, static_cast<off_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write", path_, written < 0 ? errno : ENOSPC);
    done += static_cast<size_t>(written);
  }
}

void AtomicFile::publish() {
  flush();
  while (fsync(fd_.get()) != 0) {
    if (errno != EINTR) fail("sync", path_, errno);
  }
  fd_.close(path_);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename a file to", path_, errno);
  temporary_.clear();
  // The rename itself is durable only when the folder is.
  const Fd folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) fail("open the folder of", path_, errno);
  while (fsync(folder.get()) != 0) {
    if (errno == EINVAL || errno == ENOTSUP) break;  // file systems that cannot sync a folder
    if (errno != EINTR) fail("sync the folder of", path_, errno);
  }
}

void MemorySink::write(const void* data, size_t size) {
  position_ += size;
  const auto* bytes = static_cast<const uint8_t*>(data);
  bytes_.insert(bytes_.end(), bytes, bytes + size);
}

void MemorySink::patch(const void* data, size_t size) {
  std::memcpy(bytes_.data(), data, size);
}

size_t TicketWriter::operator()(const void* data, size_t size, size_t items) {
  constexpr size_t kPiece = size_t{4} << 20;
  const auto* bytes = static_cast<const uint8_t*>(data);
  for (size_t left = size * items; left > 0;) {
    const size_t part = std::min(left, kPiece);
    ticket_.check();
    sink_.write(bytes, part);
    bytes += part;
    left -= part;
    const auto done = static_cast<int64_t>(sink_.position());
    ticket_.report(phase_, done, std::max(total_, done + 1));
  }
  return items;
}

Fd open_for_reading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) {
    throw Error(code::kNotFound, "Cannot open " + path + ": there is no such file.", "a file", "none");
  }
  if (fd < 0) fail("open", path, errno, " Check who may read it.");
  return Fd(fd);
}

uint64_t size_of(const Fd& fd, const std::string& path) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) fail("read", path, errno);
  if (!S_ISREG(found.st_mode)) {
    throw Error(code::kIo, "Cannot read " + path + ": it is not a regular file.", "a file",
                S_ISDIR(found.st_mode) ? "a folder" : "a device or pipe");
  }
  return static_cast<uint64_t>(found.st_size);
}

void read_exactly(const Fd& fd, void* data, size_t size, uint64_t offset, const std::string& path) {
  auto* bytes = static_cast<uint8_t*>(data);
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd.get(), bytes + done, std::min(size - done, size_t{1} << 30), static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path, errno);
    if (got == 0) {
      throw Error(code::kCorrupt, path + " ends too early.", std::to_string(offset + size) + " bytes",
                  std::to_string(offset + done) + " bytes");
    }
    done += static_cast<size_t>(got);
  }
}

}  // namespace quiver
