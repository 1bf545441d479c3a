#include "core/filter.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace quiver {

void RowSet::set_range(int64_t from, int64_t to) {
  from = std::max<int64_t>(from, 0);
  to = std::min(to, rows_);
  for (; from < to && (from & 63) != 0; from++) set(from);
  for (; from + 64 <= to; from += 64) bits_[from >> 6] = ~0ull;
  for (; from < to; from++) set(from);
}

void RowSet::copy_bits(const std::vector<uint8_t>& bitmap) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bit i of a word is bit i % 8 of its byte i / 8");
  const size_t bytes = std::min(bitmap.size(), bits_.size() * sizeof(uint64_t));
  if (bytes == 0) return;
  std::memcpy(bits_.data(), bitmap.data(), bytes);
  if ((rows_ & 63) != 0) bits_.back() &= (1ull << (rows_ & 63)) - 1;
}

void RowSet::intersect(const RowSet& other) {
  for (size_t i = 0; i < bits_.size(); i++) bits_[i] &= other.bits_[i];
}

void RowSet::unite(const RowSet& other) {
  for (size_t i = 0; i < bits_.size(); i++) bits_[i] |= other.bits_[i];
}

void RowSet::invert() {
  for (auto& word : bits_) word = ~word;
  if ((rows_ & 63) != 0) bits_.back() &= (1ull << (rows_ & 63)) - 1;
}

int64_t RowSet::count() const {
  int64_t total = 0;
  for (uint64_t word : bits_) total += __builtin_popcountll(word);
  return total;
}

namespace {

RowSet rows_of(const Filter::Step& step, const RowIds& ids) {
  RowSet set(ids.rows());
  if (step.op == Filter::Op::kIds) {
    for (int64_t id : step.ids) {
      const int64_t row = ids.find(id);
      if (row >= 0) set.set(row);
    }
  } else if (step.op == Filter::Op::kRange) {
    const int64_t from = step.ids[0], to = step.ids[1];
    if (ids.implicit()) {
      set.set_range(from, to);
    } else {
      for (int64_t row = 0; row < ids.rows(); row++) {
        if (ids.id(row) >= from && ids.id(row) < to) set.set(row);
      }
    }
  } else if (ids.implicit()) {
    set.copy_bits(step.bitmap);
  } else {
    const auto bits = static_cast<int64_t>(step.bitmap.size()) * 8;
    for (int64_t row = 0; row < ids.rows(); row++) {
      const int64_t id = ids.id(row);
      if (id >= 0 && id < bits && ((step.bitmap[static_cast<size_t>(id >> 3)] >> (id & 7)) & 1)) set.set(row);
    }
  }
  return set;
}

}  // namespace

RowSet Filter::compile(const RowIds& ids) const {
  std::vector<RowSet> stack;
  for (const auto& step : steps_) {
    if (step.op == Op::kNot) {
      stack.back().invert();
    } else if (step.op == Op::kAnd || step.op == Op::kOr) {
      RowSet joined = std::move(stack.back());
      stack.pop_back();
      for (int64_t i = 1; i < step.operands; i++) {
        if (step.op == Op::kAnd) {
          joined.intersect(stack.back());
        } else {
          joined.unite(stack.back());
        }
        stack.pop_back();
      }
      stack.push_back(std::move(joined));
    } else {
      stack.push_back(rows_of(step, ids));
    }
  }
  RowSet result = std::move(stack.back());
  // A `not`, a range and a bitmap may name dead rows.
  const auto& dead = ids.dead_bits();
  for (size_t i = 0; i < dead.size() && i < result.bits().size(); i++) result.bits()[i] &= ~dead[i];
  return result;
}

std::shared_ptr<const RowSet> Filter::rows(const RowIds& ids) const {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!cached_ || cached_version_ != ids.version()) {
    cached_ = std::make_shared<const RowSet>(compile(ids));
    cached_version_ = ids.version();
  }
  return cached_;
}

}  // namespace quiver
