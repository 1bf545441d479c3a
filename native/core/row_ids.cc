#include "core/row_ids.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <utility>

#include "core/error.h"

namespace quiver {

namespace {

uint64_t mix(int64_t id) {  // splitmix64's finaliser
  uint64_t z = static_cast<uint64_t>(id) + 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// Slots for `rows` rows at a load of at most 3/4, a power of two.
size_t slots_for(int64_t rows) {
  size_t slots = 16;
  while (slots * 3 < static_cast<size_t>(rows) * 4) slots *= 2;
  return slots;
}

size_t words(int64_t rows) {
  return static_cast<size_t>((rows + 63) / 64);
}

}  // namespace

uint64_t RowIds::new_version() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

int64_t RowIds::find(int64_t id) const {
  if (implicit_) return id >= 0 && id < rows_ && !is_dead(id) ? id : -1;
  if (slots_.empty()) return -1;
  const uint32_t found = slots_[slot_of(id)];
  return static_cast<int64_t>(found) - 1;
}

size_t RowIds::slot_of(int64_t id) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = mix(id) & mask;
  while (slots_[slot] != 0 && ids_[slots_[slot] - 1] != id) slot = (slot + 1) & mask;
  return slot;
}

void RowIds::insert(int64_t row) {
  slots_[slot_of(ids_[static_cast<size_t>(row)])] = static_cast<uint32_t>(row + 1);
}

void RowIds::erase(int64_t row) {
  // Backward shift: later members of the same run move up, so that no gap breaks a probe.
  const size_t mask = slots_.size() - 1;
  size_t hole = slot_of(ids_[static_cast<size_t>(row)]);
  size_t slot = hole;
  while (true) {
    slot = (slot + 1) & mask;
    if (slots_[slot] == 0) break;
    const size_t home = mix(ids_[slots_[slot] - 1]) & mask;
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      slots_[hole] = slots_[slot];
      hole = slot;
    }
  }
  slots_[hole] = 0;
}

void RowIds::rehash(size_t slots) {
  std::vector<uint32_t> fresh(slots, 0);
  slots_.swap(fresh);
  for (int64_t row = 0; row < rows_; row++) {
    if (!is_dead(row)) insert(row);
  }
}

void RowIds::make_explicit(int64_t room) {
  if (!implicit_) return;
  std::vector<int64_t> ids;
  ids.reserve(static_cast<size_t>(room));
  for (int64_t row = 0; row < rows_; row++) ids.push_back(row);
  std::vector<uint32_t> slots(slots_for(room), 0);
  ids_.swap(ids);
  slots_.swap(slots);
  implicit_ = false;
  for (int64_t row = 0; row < rows_; row++) {
    if (!is_dead(row)) insert(row);
  }
}

bool RowIds::has_room(int64_t rows, bool named) const {
  if (implicit_ && !named) return dead_count_ == 0 || dead_.capacity() >= words(rows);
  return !implicit_ && ids_.capacity() >= static_cast<size_t>(rows) && slots_.size() >= slots_for(rows) &&
         dead_.capacity() >= words(rows);
}

RowIds RowIds::grown(int64_t rows, bool named) const {
  RowIds copy;
  copy.rows_ = rows_;
  copy.dead_count_ = dead_count_;
  copy.next_id_ = next_id_;
  if (!implicit_ || named || dead_count_ > 0) copy.dead_.reserve(words(rows));
  copy.dead_.assign(dead_.begin(), dead_.end());
  copy.implicit_ = implicit_;
  if (!implicit_) {
    copy.ids_.reserve(static_cast<size_t>(rows));
    copy.ids_.assign(ids_.begin(), ids_.end());
    copy.rehash(slots_for(rows));
  } else if (named) {
    copy.make_explicit(rows);
  }
  return copy;
}

void RowIds::note_id(int64_t id) {
  if (id >= next_id_) next_id_ = id == std::numeric_limits<int64_t>::max() ? id : id + 1;
}

void RowIds::append(int64_t id) {
  if (implicit_ && id != rows_) make_explicit(rows_ + 1);
  // What may find no memory comes first.
  if (dead_count_ > 0 && dead_.size() < words(rows_ + 1)) dead_.resize(words(rows_ + 1), 0);
  if (!implicit_) {
    if (slots_.size() < slots_for(rows_ + 1)) rehash(slots_for(rows_ + 1));
    ids_.push_back(id);
  }
  version_ = new_version();
  const int64_t row = rows_++;
  note_id(id);
  if (!implicit_) insert(row);
}

void RowIds::kill(int64_t row) {
  if (dead_.size() < words(rows_)) dead_.resize(words(rows_), 0);
  version_ = new_version();
  if (!implicit_) erase(row);
  dead_[row >> 6] |= 1ull << (row & 63);
  dead_count_++;
}

void RowIds::revive(int64_t row) {
  version_ = new_version();
  dead_[row >> 6] &= ~(1ull << (row & 63));
  dead_count_--;
  if (!implicit_) insert(row);
}

void RowIds::move(int64_t from, int64_t to) {
  make_explicit(rows_);
  version_ = new_version();
  erase(from);
  ids_[static_cast<size_t>(to)] = ids_[static_cast<size_t>(from)];
  dead_[to >> 6] &= ~(1ull << (to & 63));
  dead_[from >> 6] |= 1ull << (from & 63);
  insert(to);
}

void RowIds::truncate(int64_t rows) {
  version_ = new_version();
  for (int64_t row = rows; row < rows_; row++) {
    if (is_dead(row)) {
      dead_[row >> 6] &= ~(1ull << (row & 63));
      dead_count_--;
    } else if (!implicit_) {
      erase(row);
    }
  }
  rows_ = rows;
  if (!implicit_) ids_.resize(static_cast<size_t>(rows));
  if (dead_count_ > 0) return;
  dead_.clear();
  // Where ids are kept, the room for the bits is kept too: has_room() counts on it.
  if (implicit_) dead_.shrink_to_fit();
}

std::vector<int64_t> RowIds::live_rows() const {
  std::vector<int64_t> rows;
  rows.reserve(static_cast<size_t>(live()));
  for (int64_t row = 0; row < rows_; row++) {
    if (!is_dead(row)) rows.push_back(row);
  }
  return rows;
}

RowIds RowIds::compacted() const {
  RowIds result;
  result.implicit_ = implicit_ && dead_count_ == 0;
  result.rows_ = live();
  result.next_id_ = next_id_;
  if (!result.implicit_) {
    result.ids_.reserve(static_cast<size_t>(live()));
    for (int64_t row = 0; row < rows_; row++) {
      if (!is_dead(row)) result.ids_.push_back(id(row));
    }
    result.rehash(slots_for(result.rows_));
  }
  return result;
}

RowIds RowIds::restore(int64_t rows, std::vector<int64_t> ids, std::vector<uint64_t> dead, int64_t next_id) {
  const auto refuse = [](const std::string& what, const std::string& expected, const std::string& actual) {
    throw Error(code::kCorrupt, what, expected, actual);
  };
  if (rows < 0 || rows > kMaxRows) {
    refuse("The file's row count is out of range.", "0 to 2147483647", std::to_string(rows));
  }
  RowIds result;
  result.rows_ = rows;
  result.next_id_ = next_id;
  result.dead_ = std::move(dead);
  if (!result.dead_.empty()) {
    if (result.dead_.size() != words(rows)) {
      refuse("The file's list of removed rows does not fit its row count.", std::to_string(words(rows)) + " words",
             std::to_string(result.dead_.size()));
    }
    if (rows % 64 != 0 && result.dead_.back() >> (rows % 64) != 0) {
      refuse("The file's list of removed rows names rows that do not exist.", "rows below " + std::to_string(rows),
             "others");
    }
    for (uint64_t word : result.dead_) result.dead_count_ += __builtin_popcountll(word);
  }
  result.implicit_ = ids.empty();
  if (next_id < (result.implicit_ ? rows : 0)) {
    refuse("The file's next id is one that is taken.", ">= " + std::to_string(rows), std::to_string(next_id));
  }
  result.ids_ = std::move(ids);
  if (!result.implicit_ && result.ids_.size() != static_cast<size_t>(rows)) {
    refuse("The file has not one id for each row.", std::to_string(rows), std::to_string(result.ids_.size()));
  }
  for (int64_t id : result.ids_) {
    if (id < 0) refuse("The file holds an id below 0.", ">= 0", std::to_string(id));
    result.note_id(id);
  }
  if (!result.implicit_) {
    result.slots_.assign(slots_for(rows), 0);
    for (int64_t row = 0; row < rows; row++) {
      if (result.is_dead(row)) continue;
      const int64_t id = result.ids_[static_cast<size_t>(row)];
      if (result.slots_[result.slot_of(id)] != 0) {
        refuse("Two vectors have the id " + std::to_string(id) + ".", "unique ids", std::to_string(id) + " twice");
      }
      result.insert(row);
    }
  }
  return result;
}

size_t RowIds::bytes() const {
  return ids_.capacity() * sizeof(int64_t) + slots_.capacity() * sizeof(uint32_t) + dead_.capacity() * sizeof(uint64_t);
}

}  // namespace quiver
