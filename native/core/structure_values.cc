#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/structure.h"
#include "core/structure_check.h"
#include "core/vectors.h"

namespace quiver {

namespace {

constexpr size_t kBlockBytes = size_t{1} << 18;

// Raw floats, which may lie at any address in a mapped file: checked in aligned copies that stay in the cache.
void check_floats(const uint8_t* at, size_t n, size_t dim, int64_t first) {
  const size_t row_bytes = dim * sizeof(float);
  const size_t step = std::max<size_t>(1, kBlockBytes / row_bytes);
  std::vector<float> block(std::min(n, step) * dim);
  for (size_t row = 0; row < n; row += step) {
    const size_t count = std::min(step, n - row);
    std::memcpy(block.data(), at + row * row_bytes, count * row_bytes);
    check_vectors(count, dim, block.data(), first + static_cast<int64_t>(row));
  }
}

void check_codes(const faiss::IndexFlatCodes& codes) {
  const auto dim = static_cast<size_t>(codes.d);
  const size_t step = std::max<size_t>(1, kBlockBytes / (dim * sizeof(float)));
  const auto rows = static_cast<size_t>(codes.ntotal);
  std::vector<float> block(std::min(rows, step) * dim);
  for (size_t row = 0; row < rows; row += step) {
    const size_t count = std::min(step, rows - row);
    codes.sa_decode(static_cast<faiss::idx_t>(count), codes.codes.data() + row * codes.code_size, block.data());
    check_vectors(count, dim, block.data(), static_cast<int64_t>(row));
  }
}

void check_part(const faiss::Index& index) {
  if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index)) {
    check_part(*transform->index);
  } else if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(&index)) {
    check_part(*refine->base_index);
    check_part(*refine->refine_index);
  } else if (const auto* graph = as_hnsw(&index)) {
    // Whoever walks a graph compares again and again until nothing is nearer: with NaN that never comes to an end.
    const auto* codes = as_codes(graph->storage);
    if (dynamic_cast<const faiss::IndexFlat*>(codes) != nullptr) {
      check_part(*codes);
    } else if (codes != nullptr) {
      check_codes(*codes);
    }
  } else if (dynamic_cast<const faiss::IndexFlat*>(&index) != nullptr) {
    const auto rows = static_cast<size_t>(index.ntotal);
    if (rows > 0) check_floats(as_codes(&index)->codes.data(), rows, static_cast<size_t>(index.d), 0);
  } else if (const auto* lists = as_ivf(&index)) {
    check_part(*lists->quantizer);
    if (dynamic_cast<const faiss::IndexIVFFlat*>(lists) == nullptr) return;
    int64_t first = 0;
    for (size_t list = 0; list < lists->nlist; list++) {
      const size_t size = lists->invlists->list_size(list);
      if (size == 0) continue;
      faiss::InvertedLists::ScopedCodes codes(lists->invlists, list);
      check_floats(codes.get(), size, static_cast<size_t>(lists->d), first);
      first += static_cast<int64_t>(size);
    }
  }
}

}  // namespace

void check_stored_vectors(const faiss::Index& index, const std::string& name) {
  try {
    check_part(index);
  } catch (const Error& error) {
    throw Error(error.code, name + " holds vectors that cannot be searched: " + error.what(), error.expected,
                error.actual);
  }
}

}  // namespace quiver
