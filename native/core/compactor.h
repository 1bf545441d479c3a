// Takes dead rows out of an index.
#pragma once

#include <memory>

#include "core/body.h"
#include "core/fair_lock.h"

namespace quiver {

// For nests of plain codes: moves the last live rows into the holes, in slices, and cuts the end off. True where the
// nest allows it (then no row is dead afterwards).
bool sweep_in_place(Body& body, FairLock& lock);

// A deep copy, through FAISS's own format: faiss::clone_index does not know every kind.
std::unique_ptr<faiss::Index> copy_index(const faiss::Index& index);

// A copy of the index that holds the live rows only, numbered anew in order, exact to the bit: for lists. Null where
// only a rebuild from vectors can do it (graphs).
bool copyable_live_rows(const Body& body);
std::unique_ptr<faiss::Index> copy_live_rows(const Body& body);

}  // namespace quiver
