// Looks over an index that FAISS has read, for numbers that would send a search out of bounds.
#pragma once

#include <faiss/Index.h>

#include <cstdint>
#include <string>

namespace quiver {

// Throws E_CORRUPT naming what is wrong. `rows` is the row count that the index must have; -1 takes its own.
void check_structure(const faiss::Index& index, int64_t rows, const std::string& name);

}  // namespace quiver
