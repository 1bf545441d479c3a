// The unfinished file beside a file that is being written, and what killed writers left of theirs.
#pragma once

#include <string>

#include "core/file.h"

namespace quiver {

// Makes `.<name>.<process>-<number>.tmp` beside `path`, empty, and holds a lock on it for as long as any descriptor of
// it is open: the kernel takes the lock from a process that dies. Throws E_NOT_FOUND or E_IO.
struct TemporaryFile {
  std::string path;
  Fd fd;
};
TemporaryFile make_temporary(const std::string& path);

// Removes the unfinished files for `path` whose writers are dead: those that nobody holds the lock of, in this
// process or another. What cannot be removed stays; it disturbs nobody.
void remove_abandoned(const std::string& path);

std::string folder_of(const std::string& path);

}  // namespace quiver
