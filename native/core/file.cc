#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/temporary_file.h"

namespace quiver {

namespace {

constexpr size_t kBufferBytes = 1 << 20;

const char* hint_for(int error, const char* denied) {
  switch (error) {
    case ENOENT:
      return " Make the folder first.";
    case ENOSPC:
    case EDQUOT:
      return " Free some space; what was at the path is untouched.";
    case EFBIG:
      return " Raise the limit on the size of files (ulimit -f); what was at the path is untouched.";
    case EIO:
      return " The disk or its connection may be failing.";
    case EACCES:
    case EPERM:
    case EROFS:
      return denied;
    default:
      return "";
  }
}

// Where a link leads to, so that the link stays one; else the path as it is.
std::string target_of(std::string path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0 || !S_ISLNK(found.st_mode)) return path;
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr), &std::free);
  return target ? target.get() : path;
}

}  // namespace

void fail_io(const std::string& doing, const std::string& path, int error, const char* denied) {
  const std::string reason = std::generic_category().message(error);
  throw Error(code::kIo, "Cannot " + doing + " " + path + ": " + reason + "." + hint_for(error, denied), "success",
              reason);
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd Fd::copy() const {
  return Fd(fcntl(fd_, F_DUPFD_CLOEXEC, 0));
}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void Fd::close(const std::string& path) {
  const int fd = std::exchange(fd_, -1);
  // EINTR leaves the descriptor closed on Linux: never close it twice.
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) fail_io("close", path, errno);
}

AtomicFile::AtomicFile(std::string path) : path_(target_of(std::move(path))) {
  struct stat found{};
  const bool exists = stat(path_.c_str(), &found) == 0;
  if (exists && !S_ISREG(found.st_mode)) {
    throw Error(code::kIo, "Cannot write " + path_ + ": it is not a regular file.", "a file path",
                S_ISDIR(found.st_mode) ? "a folder" : "a device or pipe");
  }
  buffer_.resize(kBufferBytes);
  remove_abandoned(path_);
  TemporaryFile made = make_temporary(path_);
  temporary_ = std::move(made.path);
  fd_ = std::move(made.fd);
  if (!exists) return;
  // Another owner can only be given by root, and some file systems know no permissions: then it is ours, as new files
  // are.
  const bool given = fchown(fd_.get(), found.st_uid, found.st_gid) == 0;
  if (given || found.st_uid == geteuid()) fchmod(fd_.get(), found.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

namespace {

// A rename is durable only when the folder is.
void sync_folder(const std::string& path) {
  const Fd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) {
    int result;
    do {
      result = fsync(folder.get());
    } while (result != 0 && errno == EINTR);
    if (result == 0 || errno == EINVAL || errno == ENOTSUP) return;  // some file systems cannot sync a folder
  }
  const std::string reason = std::generic_category().message(errno);
  throw Error(code::kIo,
              "Cannot sync the folder of " + path + ": " + reason +
                  ". The new file is there and whole, but a power failure now could bring the old one back.",
              "success", reason);
}

}  // namespace

void AtomicFile::put(const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd_.get(), data, std::min(size, size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_io("write", path_, errno);
    if (written == 0) fail_io("write", path_, ENOSPC);
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
    if (written <= 0) fail_io("write", path_, written < 0 ? errno : ENOSPC);
    done += static_cast<size_t>(written);
  }
}

void AtomicFile::publish() {
  flush();
  while (fsync(fd_.get()) != 0) {
    if (errno != EINTR) fail_io("sync", path_, errno);
  }
  // Closing may report what writing did not. The second descriptor keeps the lock until the file has its own name.
  const Fd lock = fd_.copy();
  fd_.close(path_);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_io("rename a file to", path_, errno);
  temporary_.clear();
  sync_folder(path_);
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
  if (fd < 0) fail_io("open", path, errno, " Check who may read it.");
  return Fd(fd);
}

uint64_t size_of(const Fd& fd, const std::string& path) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) fail_io("read", path, errno);
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
    if (got < 0) fail_io("read", path, errno);
    if (got == 0) {
      throw Error(code::kCorrupt, path + " ends too early.", std::to_string(offset + size) + " bytes",
                  std::to_string(offset + done) + " bytes");
    }
    done += static_cast<size_t>(got);
  }
}

}  // namespace quiver
