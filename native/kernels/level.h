// Which of our loops this process runs: the best that the CPU has, or fewer when QUIVER_KERNELS says so.
#pragma once

namespace quiver::kernels {

// kOff: FAISS searches alone. The others are x86-64 levels; kV4 needs VNNI besides.
enum class Level { kOff, kV2, kV3, kV4 };

// Found once, at the first call.
Level level();

}  // namespace quiver::kernels
