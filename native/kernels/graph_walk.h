// Best-first search over the links of a graph, with scores of 8-bit codes.
//
// One sorted array holds the best that were seen, expanded or not: no heaps, and the worst is at its end. The links of
// the next node and the codes of all its neighbours are asked for before they are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/byte_codes.h"

namespace quiver::kernels {

// The base layer, as FAISS lays it out: node i has links[offsets[i] .. offsets[i] + width), ended by -1.
struct GraphView {
  const int32_t* links;
  const size_t* offsets;
  size_t width;
  size_t rows;
};

struct Candidate {
  int32_t score;
  int32_t row;  // its sign bit is set once it was expanded
};

// What a thread needs from search to search.
class WalkSpace {
 public:
  // Marks all rows as not seen. `rows` may differ from search to search.
  void begin(size_t rows);
  // True the first time.
  bool visit(int32_t row) {
    uint8_t& mark = seen_[static_cast<size_t>(row)];
    if (mark == epoch_) return false;
    mark = epoch_;
    return true;
  }
  ByteQuery query;
  std::vector<Candidate> pool;

 private:
  std::vector<uint8_t> seen_;
  uint8_t epoch_ = 0;
};

// Leaves in space.pool at most `ef` rows, nearest first, found from `entry` on. space.query is prepared.
void walk(const GraphView& graph, const ByteCodes& codes, int32_t entry, size_t ef, WalkSpace& space);

}  // namespace quiver::kernels
