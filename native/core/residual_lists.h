// Sets right how FAISS 1.12 searches FastScan lists over residuals.
#pragma once

#include <faiss/Index.h>

#include <memory>

namespace quiver {

// FastScan lists over residuals compute tables for as many lists as the index visits by default, and read past them when
// a search asks for more (fixed in 1.13): another class takes their place, which FAISS writes as theirs. For every index
// that was made or read.
void mend_residual_lists(std::unique_ptr<faiss::Index>& index);

}  // namespace quiver
