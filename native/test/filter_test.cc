#include "core/filter.h"

#include <set>

#include "test/support.h"

namespace quiver::test {

namespace {

using Op = Filter::Op;
using Ids = std::set<int64_t>;

Filter::Step ids_step(std::vector<int64_t> ids) {
  return {Op::kIds, std::move(ids), {}, 0};
}
Filter::Step range_step(int64_t from, int64_t to) {
  return {Op::kRange, {from, to}, {}, 0};
}
Filter::Step bitmap_step(std::vector<uint8_t> bitmap) {
  return {Op::kBitmap, {}, std::move(bitmap), 0};
}
Filter::Step join_step(Op op, int64_t operands) {
  return {op, {}, {}, operands};
}

// A random expression as postfix steps, and which ids it means, told id by id.
std::function<bool(int64_t)> expression(Random& random, std::vector<Filter::Step>& steps, int depth) {
  const int64_t dice = depth == 0 ? random.below(3) : random.below(6);
  if (dice == 0) {
    std::vector<int64_t> ids;
    for (int64_t i = random.below(40); i > 0; i--) ids.push_back(random.between(-5, 400));
    steps.push_back(ids_step(ids));
    return [wanted = Ids(ids.begin(), ids.end())](int64_t id) { return wanted.count(id) > 0; };
  }
  if (dice == 1) {
    const int64_t from = random.between(-50, 300), to = random.between(-50, 400);
    steps.push_back(range_step(from, to));
    return [=](int64_t id) { return id >= from && id < to; };
  }
  if (dice == 2) {
    std::vector<uint8_t> bitmap(static_cast<size_t>(random.below(40)));
    for (auto& byte : bitmap) byte = static_cast<uint8_t>(random.below(256));
    steps.push_back(bitmap_step(bitmap));
    return [=](int64_t id) {
      return id >= 0 && static_cast<size_t>(id / 8) < bitmap.size() && ((bitmap[id / 8] >> (id % 8)) & 1) != 0;
    };
  }
  if (dice == 3) {
    auto inner = expression(random, steps, depth - 1);
    steps.push_back(join_step(Op::kNot, 1));
    return [=](int64_t id) { return !inner(id); };
  }
  const int64_t operands = random.between(1, 4);
  std::vector<std::function<bool(int64_t)>> parts;
  for (int64_t i = 0; i < operands; i++) parts.push_back(expression(random, steps, depth - 1));
  steps.push_back(join_step(dice == 4 ? Op::kAnd : Op::kOr, operands));
  return [=](int64_t id) {
    for (const auto& part : parts) {
      if (part(id) != (dice == 4)) return dice != 4;
    }
    return dice == 4;
  };
}

std::vector<int64_t> rows_in(const RowSet& set) {
  std::vector<int64_t> rows;
  set.for_each([&](int64_t row) { rows.push_back(row); });
  return rows;
}

TEST(Filter, MeansWhatItSaysWhateverTheExpression) {
  for (int round = 0; round < times(600, 150); round++) {
    Random random(1000 + static_cast<uint64_t>(round));
    SCOPED_TRACE("round " + std::to_string(round));
    RowIds ids;
    const int64_t n = random.below(300);
    const bool implicit = random.chance(0.5);
    std::vector<int64_t> names = counting(400);
    std::shuffle(names.begin(), names.end(), random.engine());
    for (int64_t i = 0; i < n; i++) ids.append(implicit ? i : names[static_cast<size_t>(i)]);
    if (random.chance(0.6)) {
      for (int64_t row = 0; row < n; row++) {
        if (random.chance(0.2)) ids.kill(row);
      }
    }
    std::vector<Filter::Step> steps;
    const auto wanted = expression(random, steps, 4);
    const Filter filter(steps);
    const auto rows = filter.rows(ids);
    std::vector<int64_t> expected;
    for (int64_t row = 0; row < n; row++) {
      if (!ids.is_dead(row) && wanted(ids.id(row))) expected.push_back(row);
    }
    ASSERT_EQ(rows_in(*rows), expected);
    ASSERT_EQ(rows->count(), static_cast<int64_t>(expected.size()));
    ASSERT_EQ(rows->rows(), n);
    const RowSetSelector selector(*rows);
    for (int64_t row = 0; row < n; row++) {
      ASSERT_EQ(selector.is_member(row), std::binary_search(expected.begin(), expected.end(), row));
    }
  }
}

TEST(Filter, RowSetRangesAtWordBorders) {
  for (const int64_t rows : {1, 63, 64, 65, 128, 130}) {
    for (int64_t from = -2; from <= rows + 2; from++) {
      for (int64_t to = -2; to <= rows + 2; to++) {
        RowSet set(rows);
        set.set_range(from, to);
        const int64_t expected = std::max<int64_t>(0, std::min(to, rows) - std::max<int64_t>(from, 0));
        ASSERT_EQ(set.count(), expected) << rows << " rows, " << from << " to " << to;
        set.invert();
        ASSERT_EQ(set.count(), rows - expected) << "bits past the last row must stay clear";
      }
    }
  }
}

TEST(Filter, RowSetCopiesBitsThatEndAnywhere) {
  Random random(8);
  for (const int64_t rows : {0, 1, 63, 64, 65, 200}) {
    for (const size_t bytes : {0, 1, 7, 8, 9, 25, 40}) {
      std::vector<uint8_t> bitmap(bytes);
      for (auto& byte : bitmap) byte = static_cast<uint8_t>(random.below(256));
      RowSet set(rows);
      set.copy_bits(bitmap);
      int64_t count = 0;
      for (int64_t row = 0; row < rows; row++) {
        const auto byte = static_cast<size_t>(row / 8);
        const bool wanted = byte < bytes && ((bitmap[byte] >> (row % 8)) & 1) != 0;
        ASSERT_EQ(set.has(row), wanted) << row << " of " << rows << ", " << bytes << " bytes";
        count += wanted ? 1 : 0;
      }
      EXPECT_EQ(set.count(), count) << "none past the rows";
    }
  }
}

TEST(Filter, AnEmptyIndexHasNoRows) {
  const Filter filter({range_step(0, 10), join_step(Op::kNot, 1)});
  EXPECT_EQ(filter.rows(RowIds())->count(), 0);
}

TEST(Filter, IsCompiledAgainOnlyWhenTheIdsChange) {
  RowIds ids;
  for (int64_t i = 0; i < 100; i++) ids.append(i);
  const Filter filter({range_step(0, 50)});
  const auto first = filter.rows(ids);
  EXPECT_EQ(filter.rows(ids), first);
  ids.kill(3);
  const auto second = filter.rows(ids);
  EXPECT_NE(second, first);
  EXPECT_EQ(second->count(), 49);
  EXPECT_EQ(first->count(), 50) << "who still reads the old one is not disturbed";
  // Another index with as many changes behind it must not be taken for the first.
  RowIds other;
  for (int64_t i = 0; i < 100; i++) other.append(i + 40);
  other.kill(3);
  EXPECT_EQ(filter.rows(other)->count(), 9);
}

TEST(Filter, LiveSelectorLeavesDeadRowsOut) {
  RowIds ids;
  for (int64_t i = 0; i < 70; i++) ids.append(i);
  ids.kill(0);
  ids.kill(69);
  const LiveSelector live(ids);
  EXPECT_FALSE(live.is_member(0));
  EXPECT_TRUE(live.is_member(1));
  EXPECT_FALSE(live.is_member(69));
}

}  // namespace

}  // namespace quiver::test
