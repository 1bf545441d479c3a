// Which ids a search may return: id lists, ranges and bitmaps, joined by and, or and not.
//
// A filter comes as postfix steps and is compiled to one bit a row of the index, which is what both FAISS (as an
// IDSelector) and the exact scan read. The compiled form is kept until the index changes.
#pragma once

#include <faiss/impl/IDSelector.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/row_ids.h"

namespace quiver {

// One bit a row.
class RowSet {
 public:
  explicit RowSet(int64_t rows) : rows_(rows), bits_(static_cast<size_t>((rows + 63) / 64), 0) {}
  void set(int64_t row) { bits_[row >> 6] |= 1ull << (row & 63); }
  bool has(int64_t row) const { return (bits_[row >> 6] >> (row & 63)) & 1; }
  void set_range(int64_t from, int64_t to);
  // Row i is bit i % 8 of byte i / 8; bits past the rows are left out, rows past the bits are not set.
  void copy_bits(const std::vector<uint8_t>& bitmap);
  void intersect(const RowSet& other);
  void unite(const RowSet& other);
  void invert();
  int64_t rows() const { return rows_; }
  int64_t count() const;
  std::vector<uint64_t>& bits() { return bits_; }
  const std::vector<uint64_t>& bits() const { return bits_; }

  template <typename F>
  void for_each(F&& visit) const {
    for (size_t word = 0; word < bits_.size(); word++) {
      for (uint64_t rest = bits_[word]; rest != 0; rest &= rest - 1) {
        visit(static_cast<int64_t>(word * 64) + __builtin_ctzll(rest));
      }
    }
  }

 private:
  int64_t rows_;
  std::vector<uint64_t> bits_;
};

class Filter {
 public:
  enum class Op { kIds, kRange, kBitmap, kAnd, kOr, kNot };
  struct Step {
    Op op;
    std::vector<int64_t> ids;     // kIds: the ids; kRange: from and to (half-open)
    std::vector<uint8_t> bitmap;  // kBitmap
    int64_t operands = 0;         // kAnd, kOr
  };

  explicit Filter(std::vector<Step> steps) : steps_(std::move(steps)) {}

  // The live rows that pass. Kept until the map of ids changes.
  std::shared_ptr<const RowSet> rows(const RowIds& ids) const;

 private:
  RowSet compile(const RowIds& ids) const;

  std::vector<Step> steps_;
  mutable std::mutex mutex_;
  mutable uint64_t cached_version_ = 0;
  mutable std::shared_ptr<const RowSet> cached_;
};

// What FAISS asks for each row it meets.
struct RowSetSelector final : faiss::IDSelector {
  explicit RowSetSelector(const RowSet& rows) : set(&rows) {}
  bool is_member(faiss::idx_t row) const final { return set->has(row); }
  const RowSet* set;
};

struct LiveSelector final : faiss::IDSelector {
  explicit LiveSelector(const RowIds& rows) : ids(&rows) {}
  bool is_member(faiss::idx_t row) const final { return !ids->is_dead(row); }
  const RowIds* ids;
};

}  // namespace quiver
