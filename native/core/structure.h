// What a FAISS index is made of: wrappers around a graph, lists or a plain array of codes.
//
// FAISS builds nested objects from one factory string (`OPQ16,IVF256,PQ16,RFlat`). The rest of native/core asks here
// what it may do with such a nest, so that dynamic casts stay in one file.
#pragma once

#include <faiss/Index.h>
#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/fair_lock.h"

namespace quiver {

// The innermost index that answers a search: behind transforms and refinement.
faiss::Index* base_of(faiss::Index* index);
const faiss::Index* base_of(const faiss::Index* index);

const faiss::IndexHNSW* as_hnsw(const faiss::Index* index);
const faiss::IndexIVF* as_ivf(const faiss::Index* index);
const faiss::IndexFlatCodes* as_codes(const faiss::Index* index);
inline faiss::IndexHNSW* as_hnsw(faiss::Index* index) {
  return const_cast<faiss::IndexHNSW*>(as_hnsw(static_cast<const faiss::Index*>(index)));
}
inline faiss::IndexIVF* as_ivf(faiss::Index* index) {
  return const_cast<faiss::IndexIVF*>(as_ivf(static_cast<const faiss::Index*>(index)));
}
inline faiss::IndexFlatCodes* as_codes(faiss::Index* index) {
  return const_cast<faiss::IndexFlatCodes*>(as_codes(static_cast<const faiss::Index*>(index)));
}

// The answers to what a search asks of its index, found once for each index: a dynamic cast costs as much as
// comparing with a dozen short vectors.
struct Shape {
  Shape() = default;
  explicit Shape(const faiss::Index* index);
  const faiss::Index* base = nullptr;       // behind transforms and refinement
  const faiss::IndexHNSW* graph = nullptr;  // the base, when it is a graph
  const faiss::IndexIVF* lists = nullptr;   // the base, when it has lists
  bool plain = false;                       // the index itself is an array of codes: takes no parameters
  bool refined = false;                     // the index itself refines another
  double limit = 0;                         // of the squared norm of a vector, see reach.h
};

// Every array of one code a row in the nest, when nothing but such arrays depends on row numbers: then rows can be
// moved and cut off in place. Empty when rows are also named by a graph, lists or interleaved blocks.
std::vector<faiss::IndexFlatCodes*> movable_codes(faiss::Index* index);
// Every array of one code a row, also below graphs.
std::vector<faiss::IndexFlatCodes*> all_codes(faiss::Index* index);
// Sets ntotal in all wrappers of a movable nest.
void set_row_count(faiss::Index* index, int64_t rows);
// Takes rows off the end again that an add has appended, wholly or in part, and nothing links to yet: from arrays of
// codes and graphs. Lists are left as they are (see ListEnds in writer.cc).
void cut_rows(faiss::Index* index, int64_t rows);
// Gives lists a map from rows to places, which reading a vector back needs. Made beside the index and then put in with
// the lock held. Only the writer may call it. Does nothing on other kinds, or when there is one.
void map_rows(faiss::Index* index, FairLock& lock);

// Copies what is only a view of a file or buffer into memory of the index's own, so that it may be changed. Each piece
// is copied beside the index and then put in with the lock held.
void own_memory(faiss::Index* index, FairLock& lock);
// The same for what was trained (the quantizers of lists, norms), which outlives the vectors.
void own_trained(faiss::Index* index, FairLock& lock);
// Lets go of views of vectors without copying, except of what was trained: for an index that is about to be emptied.
void drop_views(faiss::Index* index);
bool has_views(const faiss::Index* index);
// Whether own_memory() reaches every view that this nest can have.
bool views_are_known(const faiss::Index* index);

// Whole vectors, alone or under a graph: training changes nothing.
bool learns_nothing(const faiss::Index* index);

// `Flat`, `HNSW`, `IVF`, `PQ` ...: a name for people.
std::string kind_of(const faiss::Index* index);

// Bytes of codes, graph, lists and transforms.
size_t bytes_of(const faiss::Index* index);
// About how many bytes each row more takes.
size_t bytes_a_row(const faiss::Index* index);

}  // namespace quiver
