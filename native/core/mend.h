// What must be set right in an index after FAISS has read it.
#pragma once

#include <faiss/Index.h>

namespace quiver {

// Sets what FAISS 1.12 forgets: without it, reading a vector back from FastScan lists crashes, and one from behind a
// matrix that is no rotation comes back wrong. Sets back which of its search routines FAISS takes, which only a hostile
// or an experimenting writer changes. And drops the map from rows to entries of lists: it would have to be believed,
// and is made anew when it is needed. Safe on an index whose structure is not checked yet.
void mend_after_read(faiss::Index* index);

}  // namespace quiver
