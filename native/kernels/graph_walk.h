// Best-first search over the links of a graph, with scores of codes.
//
// One sorted array holds the best that were seen, expanded or not: no heaps, and the worst is at its end. The links of
// the next node and the codes of all its neighbours are asked for before they are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/byte_codes.h"
#include "kernels/nibble_codes.h"

namespace quiver::kernels {

// A layer, as FAISS lays it out: node i has links[offsets[i] .. offsets[i] + width), ended by -1.
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

// Which rows may be returned, a bit a row.
struct RowFilter {
  const uint64_t* words;
  size_t count;  // of words; the bits past them are 0
  bool wanted;   // the bit of a row that may be returned
  bool passes(int32_t row) const {
    const auto word = static_cast<size_t>(row) >> 6;
    return (word < count && ((words[word] >> (row & 63)) & 1) != 0) == wanted;
  }
};

inline constexpr size_t kMaxLinks = 1024;

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
  std::vector<Candidate> pool;
  std::vector<Candidate> found;

 private:
  std::vector<uint8_t> seen_;
  uint8_t epoch_ = 0;
};

// From a node always on to its nearest neighbour.
template <class Codes, class Query>
int32_t descend(const GraphView& graph, const Codes& codes, const Query& query, int32_t from);

// Leaves in space.pool at most `ef` rows, nearest first, found from `entry` on.
template <class Codes, class Query>
void walk(const GraphView& graph, const Codes& codes, const Query& query, int32_t entry, size_t ef, WalkSpace& space);

// The same, and leaves in space.found those `most` at most that pass, nearest first, of all that it met: those too that
// were no candidates. Rows that do not pass lead on as any.
template <class Codes, class Query>
void walk_filtered(const GraphView& graph, const Codes& codes, const Query& query, int32_t entry, size_t ef,
                   const RowFilter& filter, size_t most, WalkSpace& space);

extern template int32_t descend(const GraphView&, const ByteCodes&, const ByteQuery&, int32_t);
extern template int32_t descend(const GraphView&, const NibbleCodes&, const NibbleQuery&, int32_t);
extern template void walk(const GraphView&, const ByteCodes&, const ByteQuery&, int32_t, size_t, WalkSpace&);
extern template void walk(const GraphView&, const NibbleCodes&, const NibbleQuery&, int32_t, size_t, WalkSpace&);
extern template void walk_filtered(const GraphView&, const ByteCodes&, const ByteQuery&, int32_t, size_t,
                                   const RowFilter&, size_t, WalkSpace&);
extern template void walk_filtered(const GraphView&, const NibbleCodes&, const NibbleQuery&, int32_t, size_t,
                                   const RowFilter&, size_t, WalkSpace&);

}  // namespace quiver::kernels
