#include "core/temporary_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>

namespace quiver {

namespace {

constexpr char kEnding[] = ".tmp";

// Cut, so that the longest name that the file system takes leaves room for what is added to it.
std::string name_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return (slash == std::string::npos ? path : path.substr(slash + 1)).substr(0, 200);
}

// What all temporary names for `path` begin with.
std::string prefix_of(const std::string& path) {
  return "." + name_of(path) + ".";
}

bool take_lock(const Fd& fd) {
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    // A file system without locks: then nobody can take ours for abandoned either.
    if (errno == ENOLCK || errno == EOPNOTSUPP || errno == EINVAL) return true;
    if (errno != EINTR) return false;
  }
  return true;
}

// `123-4.tmp`, and nothing else that a user might have named so.
bool is_temporary(const std::string& name, const std::string& prefix) {
  const size_t ending = sizeof(kEnding) - 1;
  if (name.size() <= prefix.size() + ending || name.compare(0, prefix.size(), prefix) != 0) return false;
  if (name.compare(name.size() - ending, ending, kEnding) != 0) return false;
  const std::string middle = name.substr(prefix.size(), name.size() - prefix.size() - ending);
  const size_t dash = middle.find('-');
  return dash != std::string::npos && dash > 0 && dash + 1 < middle.size() &&
         middle.find_first_not_of("0123456789-") == std::string::npos &&
         middle.find('-', dash + 1) == std::string::npos;
}

}  // namespace

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

TemporaryFile make_temporary(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  const std::string folder = folder_of(path);
  while (true) {
    TemporaryFile made;
    made.path = folder + "/" + prefix_of(path) + std::to_string(getpid()) + "-" + std::to_string(counter++) + kEnding;
    made.fd = Fd(::open(made.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    // A process with the same number, killed or in another container, may have left one of this name.
    if (made.fd.get() < 0 && errno == EEXIST) continue;
    if (made.fd.get() < 0) fail_io("create a file in", folder, errno);
    // Before the lock was taken, another writer may have seen the file without one and removed it.
    struct stat found{};
    if (take_lock(made.fd) && fstat(made.fd.get(), &found) == 0 && found.st_nlink > 0) return made;
  }
}

void remove_abandoned(const std::string& path) {
  const std::string folder = folder_of(path), prefix = prefix_of(path);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
  if (entries == nullptr) return;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): each call reads a stream of its own.
  while (const dirent* entry = readdir(entries.get())) {
    if (!is_temporary(entry->d_name, prefix)) continue;
    const Fd fd(openat(dirfd(entries.get()), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat found{};
    if (fd.get() < 0 || fstat(fd.get(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) unlinkat(dirfd(entries.get()), entry->d_name, 0);
  }
}

}  // namespace quiver
