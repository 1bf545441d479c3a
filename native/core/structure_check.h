// Looks over an index that FAISS has read, for numbers that would send a search out of bounds.
#pragma once

#include <faiss/Index.h>

#include <cstdint>
#include <string>

namespace quiver {

// Throws E_CORRUPT naming what is wrong, or E_UNSUPPORTED for a kind that Quiver cannot look over. `rows` is the row
// count that the index must have; -1 takes its own.
void check_structure(const faiss::Index& index, int64_t rows, const std::string& name);

// Throws E_NOT_FINITE when a stored vector is not finite or too large: a search among such vectors may never end. It
// reads every vector, so it is for files from others; add() has checked our own.
void check_stored_vectors(const faiss::Index& index, const std::string& name);

}  // namespace quiver
