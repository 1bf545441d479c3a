// CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and RocksDB; by the CPU's own instruction, about 8 bytes in 3
// cycles.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiver {

// `crc` is what an earlier call returned for the bytes before, 0 at the start.
uint32_t crc32c(uint32_t crc, const void* data, size_t size);

}  // namespace quiver
