#include "kernels/graph_walk.h"

#include <algorithm>
#include <cstring>

namespace quiver::kernels {

namespace {

constexpr int32_t kExpanded = INT32_MIN;
constexpr size_t kMaxLinks = 1024;

// The sorted candidates of a walk.
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

}  // namespace

void WalkSpace::begin(size_t rows) {
  if (seen_.size() < rows) seen_.resize(rows, 0);
  if (++epoch_ != 0) return;
  std::fill(seen_.begin(), seen_.end(), uint8_t{0});
  epoch_ = 1;
}

void walk(const GraphView& graph, const ByteCodes& codes, int32_t entry, size_t ef, WalkSpace& space) {
  space.begin(graph.rows);
  Pool pool(space.pool, ef);
  int32_t score;
  codes.scores(space.query, &entry, 1, &score);
  space.visit(entry);
  pool.insert(score, entry);
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
    for (size_t i = 0; i < graph.width && links[i] >= 0; i++) {
      if (!space.visit(links[i])) continue;
      codes.prefetch(links[i]);
      fresh[n++] = links[i];
    }
    // The likeliest to be expanded next: its links come while the scores are made.
    if (next + 1 < pool.size()) __builtin_prefetch(graph.links + graph.offsets[pool[next + 1].row & ~kExpanded]);
    codes.scores(space.query, fresh, n, scores);
    size_t lowest = pool.size();
    for (size_t i = 0; i < n; i++) {
      if (!pool.takes(scores[i])) continue;
      lowest = std::min(lowest, pool.insert(scores[i], fresh[i]));
    }
    next = lowest <= next ? lowest : next + 1;
  }
  for (size_t i = 0; i < pool.size(); i++) pool[i].row &= ~kExpanded;
  space.pool.resize(pool.size());
}

}  // namespace quiver::kernels
