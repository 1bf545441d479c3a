// What FAISS reads an index through: bytes in memory, and a stop to what no index may ask for.
#pragma once

#include <faiss/Index.h>
#include <faiss/impl/zerocopy_io.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace quiver {

// FAISS reads by a recursion that follows the file. Some things in a file do harm before anyone can look at what was
// read: lists "on disk", a path which FAISS maps writable and later writes to; a nest so deep that the stack ends; an
// IndexIDMap2 with fewer ids than rows, for which FAISS builds a map by walking over the end (it is read as IndexIDMap,
// which has the same bytes and no map).
class GuardedReader final : public faiss::ZeroCopyIOReader {
 public:
  GuardedReader(const uint8_t* data, size_t size) : faiss::ZeroCopyIOReader(data, size) {}
  size_t operator()(void* target, size_t size, size_t items) override;

 private:
  int indexes_ = 0;
};

// Reads an index and mends what FAISS forgets. Throws E_CORRUPT, or E_UNSUPPORTED for lists on disk. The index may be
// a view of the bytes. Its structure is not checked yet.
std::unique_ptr<faiss::Index> read_guarded(const uint8_t* data, size_t size, const std::string& name);

}  // namespace quiver
