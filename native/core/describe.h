// Names an index by what it is made of, as FAISS's factory strings do.
#pragma once

#include <faiss/Index.h>

#include <string>

namespace quiver {

// The factory string that makes such an index, as far as it can be told from the outside: FAISS keeps an OPQ as a
// plain matrix, for one, which is `Linear16` then.
std::string describe(const faiss::Index* index);

}  // namespace quiver
