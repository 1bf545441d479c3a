// How much memory there is left for this process.
#pragma once

#include <cstdint>

namespace quiver {

// Bytes that can still be had: what the kernel counts as available, or what the container's limit leaves, whichever
// is less. Very large when neither can be read.
uint64_t available_memory();

}  // namespace quiver
