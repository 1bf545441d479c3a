// Which id each row of the FAISS index has, which row each id has, and which rows are dead.
//
// Ids that simply count rows (0, 1, 2, ...) cost nothing: the map is implicit. As soon as an id differs from its row,
// 8 bytes a row for the ids and 5 to 10 for the hash table are kept. A call that finds no memory changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace quiver {

class RowIds {
 public:
  static constexpr int64_t kMaxRows = std::numeric_limits<int32_t>::max();  // FAISS's HNSW counts rows in 32 bits

  int64_t rows() const { return rows_; }
  // Different after every change, and never the same for two maps: what was derived from one version fits no other.
  uint64_t version() const { return version_; }
  int64_t dead() const { return dead_count_; }
  int64_t live() const { return rows_ - dead_count_; }
  bool implicit() const { return implicit_; }
  // The id that the next vector without one gets: one past the highest so far.
  int64_t next_id() const { return next_id_; }
  void set_next_id(int64_t next) { next_id_ = next; }

  int64_t id(int64_t row) const { return implicit_ ? row : ids_[static_cast<size_t>(row)]; }
  bool is_dead(int64_t row) const { return dead_count_ > 0 && ((dead_[row >> 6] >> (row & 63)) & 1) != 0; }
  // The live row of an id, or -1.
  int64_t find(int64_t id) const;

  // The same map with room for `rows` rows in all, where append() and kill() need no more memory: the caller swaps it
  // in while no reader looks. `named`: the new rows have ids of their own, which do not simply count.
  RowIds grown(int64_t rows, bool named) const;
  bool has_room(int64_t rows, bool named) const;

  // Appends a row. The id must not have a live row.
  void append(int64_t id);
  void kill(int64_t row);
  // Takes a kill() back. The id must have no live row.
  void revive(int64_t row);
  // Row `from`, which must be live, takes the place of `to`, which must be dead. `from` is dead afterwards.
  void move(int64_t from, int64_t to);
  // Drops rows from the end, live or dead.
  void truncate(int64_t rows);
  // The rows that live, in order.
  std::vector<int64_t> live_rows() const;
  // As after a compaction: only live rows, in order.
  RowIds compacted() const;

  // What is saved: empty for implicit ids; bits of dead rows, empty when none is.
  const std::vector<int64_t>& ids() const { return ids_; }
  const std::vector<uint64_t>& dead_bits() const { return dead_; }
  // Throws E_CORRUPT when they contradict each other.
  static RowIds restore(int64_t rows, std::vector<int64_t> ids, std::vector<uint64_t> dead, int64_t next_id);

  size_t bytes() const;

 private:
  void make_explicit(int64_t room);
  void rehash(size_t slots);
  void insert(int64_t row);
  void erase(int64_t row);
  size_t slot_of(int64_t id) const;
  void note_id(int64_t id);

  static uint64_t new_version();

  uint64_t version_ = new_version();
  int64_t rows_ = 0;
  int64_t dead_count_ = 0;
  int64_t next_id_ = 0;
  bool implicit_ = true;
  std::vector<int64_t> ids_;     // row -> id, when explicit
  std::vector<uint32_t> slots_;  // open addressing, row + 1, 0 where empty; holds live rows only
  std::vector<uint64_t> dead_;   // one bit a row, grown when a row dies
};

}  // namespace quiver
