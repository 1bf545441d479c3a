// Finds a new node its place in a graph, by 8-bit codes: what FAISS does with whole vectors, in half the time. Graphs
// that are made so answer as well.
//
// [1] Y. Malkov, D. Yashunin, Efficient and robust approximate nearest neighbor search using HNSW graphs, 2018,
//     algorithms 1 and 4.
#pragma once

#include <faiss/impl/HNSW.h>
#include <omp.h>

#include <cstdint>
#include <vector>

#include "kernels/byte_codes.h"
#include "kernels/graph_walk.h"

namespace quiver {

// One a thread. Allocates nothing after it was made.
class GraphInserter {
 public:
  // `codes` has all rows that are in the graph or will be; `locks` one a row.
  GraphInserter(faiss::HNSW& hnsw, const kernels::ByteCodes& codes, std::vector<omp_lock_t>& locks);
  // Links a row that has empty lists on its levels, 0 to `level`. Rows above all others go alone.
  void insert(int32_t row, int level);

 private:
  using Candidates = std::vector<kernels::Candidate>;
  // Leaves of candidates, nearest to `row` first, at most so many that no nearer one is nearer to; all if they are
  // fewer.
  void thin_out(int32_t row, Candidates& candidates, size_t most);
  void add_link(int32_t from, int32_t to, int level);
  void connect(int32_t row, int level);

  faiss::HNSW& hnsw_;
  const kernels::ByteCodes& codes_;
  std::vector<omp_lock_t>& locks_;
  kernels::WalkSpace space_;
  kernels::ByteQuery query_, source_, candidate_;
  Candidates chosen_, rivals_;
  std::vector<int32_t> kept_, scores_;
};

}  // namespace quiver
