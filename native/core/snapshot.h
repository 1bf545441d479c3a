// The file format of an index, and of its buffers: an envelope that is checked before FAISS sees a byte.
//
//   0      header, 4,096 bytes: magic, version, sizes, kind, dim, metric, counts, generation, sections, CRC-32C
//   4096   sections, each at a multiple of 64: note (JSON of lib/), ids, dead rows, FAISS's own format
//   end    one CRC-32C for each 1 MiB of the sections
//
// All numbers are little-endian. A reader checks the header's sum, then the table's (kept in the header), then the
// blocks against the table: a flipped bit, a cut, a swapped or zeroed block is E_CORRUPT.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/body.h"
#include "core/factory.h"
#include "core/file.h"
#include "core/ticket.h"

namespace quiver {

struct SnapshotInfo {
  Spec spec;
  bool bigint_ids = false;
  uint64_t generation = 0;
  std::string note;
};

struct Loaded {
  Body body;
  SnapshotInfo info;
};

// Writes the envelope to a sink; the caller publishes it. The body must not change meanwhile.
void write_snapshot(const Body& body, const SnapshotInfo& info, Sink& sink, const Ticket& ticket);

// An envelope that was found whole up to its header; the blocks are checked by verify().
class Snapshot {
 public:
  // Reads the whole file into memory, or maps it. Throws E_NOT_FOUND, E_IO, E_CORRUPT, E_VERSION.
  static Snapshot open(const std::string& path, bool map, const Ticket& ticket);
  static Snapshot from_region(std::shared_ptr<Region> bytes);

  // Checks blocks against their sums with `threads` threads; E_CORRUPT names the block. `structure_only` checks the
  // blocks that hold no vectors: all that could send FAISS out of bounds.
  void verify(int threads, bool structure_only, const Ticket& ticket) const;
  // Makes the index. Without verify() before, only for mapped files (then call verify() in the background). With
  // `foreign` every stored vector is looked at too: whoever wrote the file may have summed up anything.
  Loaded load(bool foreign = false) const;
  std::string name;

 private:
  // `size` is that of the file, of which the region may hold only the header: a wrong length is found before the rest.
  void check_header(uint64_t size);
  std::shared_ptr<Region> region_;
};

}  // namespace quiver
