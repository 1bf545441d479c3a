#include "kernels/graph_walk.h"

#include <algorithm>
#include <cstring>

#include "kernels/unaligned.h"

namespace quiver::kernels {

namespace {

constexpr int32_t kExpanded = INT32_MIN;

// The sorted candidates of a walk, or what it has found.
class Pool {
 public:
  Pool(std::vector<Candidate>& room, size_t most) : most_(most) {
    room.resize(most + 1);
    at_ = room.data();
  }
  bool takes(int32_t score) const { return size_ < most_ || score < at_[size_ - 1].score; }
  // The place where it went.
  size_t insert(int32_t score, int32_t row) {
    size_t low = 0, high = size_;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (at_[middle].score <= score) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const size_t tail = (size_ < most_ ? size_ : most_ - 1) - low;
    std::memmove(at_ + low + 1, at_ + low, tail * sizeof(Candidate));
    at_[low] = {score, row};
    if (size_ < most_) size_++;
    return low;
  }
  Candidate& operator[](size_t i) { return at_[i]; }
  size_t size() const { return size_; }

 private:
  Candidate* at_;
  size_t most_;
  size_t size_ = 0;
};

// What a walk does with each row that it meets, beside taking it for a candidate.
struct Nothing {
  void meet(int32_t, int32_t) {}
};
struct Passing {
  const RowFilter& filter;
  Pool found;
  void meet(int32_t score, int32_t row) {
    if (found.takes(score) && filter.passes(row)) found.insert(score, row);
  }
};

void prefetch_links(const GraphView& graph, int32_t row) {
  constexpr size_t kLine = 64 / sizeof(int32_t);
  const int32_t* links = graph.links + graph.offsets[row];
  for (size_t i = 0; i < graph.width; i += kLine) __builtin_prefetch(links + i);
}

}  // namespace

void WalkSpace::begin(size_t rows) {
  if (seen_.size() < rows) seen_.resize(rows, 0);
  if (++epoch_ != 0) return;
  std::fill(seen_.begin(), seen_.end(), uint8_t{0});
  epoch_ = 1;
}

template <class Codes, class Query>
int32_t descend(const GraphView& graph, const Codes& codes, const Query& query, int32_t from) {
  int32_t at = from, score, links[kMaxLinks], scores[kMaxLinks];
  codes.scores(query, &at, 1, &score);
  for (bool moved = true; moved;) {
    moved = false;
    const int32_t* its = graph.links + graph.offsets[at];
    size_t n = 0;
    for (; n < graph.width; n++) {
      links[n] = read_at(its, n);
      if (links[n] < 0) break;
      codes.prefetch(links[n]);
    }
    codes.scores(query, links, n, scores);
    for (size_t i = 0; i < n; i++) {
      if (scores[i] >= score) continue;
      score = scores[i];
      at = links[i];
      moved = true;
    }
  }
  return at;
}

namespace {

template <class Codes, class Query, class Also>
void walk_with(const GraphView& graph, const Codes& codes, const Query& query, int32_t entry, size_t ef,
               WalkSpace& space, Also& also) {
  space.begin(graph.rows);
  Pool pool(space.pool, ef);
  int32_t score;
  codes.scores(query, &entry, 1, &score);
  space.visit(entry);
  pool.insert(score, entry);
  also.meet(score, entry);
  int32_t fresh[kMaxLinks];
  int32_t scores[kMaxLinks];
  for (size_t next = 0; next < pool.size();) {
    if ((pool[next].row & kExpanded) != 0) {
      next++;
      continue;
    }
    const int32_t row = pool[next].row;
    pool[next].row |= kExpanded;
    const int32_t* links = graph.links + graph.offsets[row];
    size_t n = 0;
    for (size_t i = 0; i < graph.width; i++) {
      const int32_t link = read_at(links, i);
      if (link < 0) break;
      if (!space.visit(link)) continue;
      codes.prefetch(link);
      fresh[n++] = link;
    }
    // The likeliest to be expanded next: its links come while the scores are made.
    if (next + 1 < pool.size()) prefetch_links(graph, pool[next + 1].row & ~kExpanded);
    codes.scores(query, fresh, n, scores);
    size_t lowest = pool.size();
    for (size_t i = 0; i < n; i++) {
      also.meet(scores[i], fresh[i]);
      if (!pool.takes(scores[i])) continue;
      const size_t place = pool.insert(scores[i], fresh[i]);
      if (place <= next + 1) prefetch_links(graph, fresh[i]);
      lowest = std::min(lowest, place);
    }
    next = lowest <= next ? lowest : next + 1;
  }
  for (size_t i = 0; i < pool.size(); i++) pool[i].row &= ~kExpanded;
  space.pool.resize(pool.size());
}

}  // namespace

template <class Codes, class Query>
void walk(const GraphView& graph, const Codes& codes, const Query& query, int32_t entry, size_t ef, WalkSpace& space) {
  Nothing nothing;
  walk_with(graph, codes, query, entry, ef, space, nothing);
}

template <class Codes, class Query>
void walk_filtered(const GraphView& graph, const Codes& codes, const Query& query, int32_t entry, size_t ef,
                   const RowFilter& filter, size_t most, WalkSpace& space) {
  Passing passing{filter, Pool(space.found, most)};
  walk_with(graph, codes, query, entry, ef, space, passing);
  space.found.resize(passing.found.size());
}

template int32_t descend(const GraphView&, const ByteCodes&, const ByteQuery&, int32_t);
template int32_t descend(const GraphView&, const NibbleCodes&, const NibbleQuery&, int32_t);
template void walk(const GraphView&, const ByteCodes&, const ByteQuery&, int32_t, size_t, WalkSpace&);
template void walk(const GraphView&, const NibbleCodes&, const NibbleQuery&, int32_t, size_t, WalkSpace&);
template void walk_filtered(const GraphView&, const ByteCodes&, const ByteQuery&, int32_t, size_t, const RowFilter&,
                            size_t, WalkSpace&);
template void walk_filtered(const GraphView&, const NibbleCodes&, const NibbleQuery&, int32_t, size_t, const RowFilter&,
                            size_t, WalkSpace&);

}  // namespace quiver::kernels
