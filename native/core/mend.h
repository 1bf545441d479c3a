// Sets right what FAISS 1.12 gets wrong in an index that it has made or read.
#pragma once

#include <faiss/Index.h>

#include <memory>

namespace quiver {

// - FAISS forgets a pointer when it reads FastScan lists: reading a vector back from them would crash.
// - FastScan lists over residuals compute tables for as many lists as the index visits by default, and read past them
//   when a search asks for more (fixed in 1.13): another class takes their place, which FAISS writes as theirs.
void mend(std::unique_ptr<faiss::Index>& index);

}  // namespace quiver
