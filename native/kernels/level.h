// Which of our loops this process runs: the best that the CPU has, or fewer when QUIVER_KERNELS says so.
#pragma once

namespace quiver::kernels {

// kOff: FAISS searches alone. The others are x86-64 levels; kV4 needs VNNI besides.
enum class Level { kOff, kV2, kV3, kV4 };

// Found once, at the first call.
Level level();

// Whether the CPU multiplies whole tiles of bytes (AMX) and the kernel lets this process do so. Asked once: from then
// on a thread of this process that has a signal stack of its own needs one that such tiles fit, as AT_MINSIGSTKSZ says.
bool has_tiles();

}  // namespace quiver::kernels
