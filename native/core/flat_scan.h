// Exact search of plain vectors by several threads. They share the vectors and not the queries: memory is what such a
// search waits for, and so it reads each vector once, however many queries there are.
#pragma once

#include <faiss/IndexFlat.h>

#include <cstdint>

namespace quiver {

// Queries that go through the vectors together. With more, what BLAS makes of them no longer stays in a core's cache:
// then threads had better share the queries.
inline constexpr int64_t kFlatScanBlock = 256;

// Whether flat_scan() can search `index`, and n queries are worth the help of a second thread.
bool suits_flat_scan(const faiss::Index& index, int64_t n);

// The k nearest of each of n queries, as index.search() finds them; rows at the same distance in their order.
void flat_scan(const faiss::IndexFlat& index, int64_t n, const float* x, int64_t k, int threads, int64_t* rows,
               float* distances);

}  // namespace quiver
