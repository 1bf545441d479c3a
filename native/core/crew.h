// One task in parts, on the calling thread and on workers of the interactive lane that are free meanwhile.
#pragma once

#include <cstdint>
#include <functional>

namespace quiver {

// Calls `work(part)` for each part from 0 to `parts`, on at most `threads` threads, and returns when all have ended.
// Nobody waits for a worker: the calling thread takes parts until none are left, and a worker that comes later finds
// none. Throws what a part threw; the parts that were not begun by then are left out.
void run_in_parts(int64_t parts, int threads, const std::function<void(int64_t)>& work);

}  // namespace quiver
