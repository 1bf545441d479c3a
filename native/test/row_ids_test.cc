#include "core/row_ids.h"

#include <limits>
#include <map>
#include <new>
#include <set>

#include "test/failing_memory.h"
#include "test/support.h"

namespace quiver::test {

namespace {

// The same as RowIds, as simple as can be.
struct Model {
  struct Row {
    int64_t id;
    bool dead;
  };
  std::vector<Row> rows;
  std::map<int64_t, int64_t> live;  // id -> row
  int64_t next_id = 0;

  void append(int64_t id) {
    live[id] = static_cast<int64_t>(rows.size());
    rows.push_back({id, false});
    next_id = std::max(next_id, id + 1);
  }
  void kill(int64_t row) {
    rows[static_cast<size_t>(row)].dead = true;
    live.erase(rows[static_cast<size_t>(row)].id);
  }
};

void expect_same(const RowIds& ids, const Model& model, const std::set<int64_t>& probes) {
  ASSERT_EQ(ids.rows(), static_cast<int64_t>(model.rows.size()));
  ASSERT_EQ(ids.live(), static_cast<int64_t>(model.live.size()));
  ASSERT_EQ(ids.dead(), ids.rows() - ids.live());
  ASSERT_EQ(ids.next_id(), model.next_id);
  std::vector<int64_t> live_rows;
  for (int64_t row = 0; row < ids.rows(); row++) {
    const auto& expected = model.rows[static_cast<size_t>(row)];
    ASSERT_EQ(ids.is_dead(row), expected.dead) << "row " << row;
    if (expected.dead) continue;
    ASSERT_EQ(ids.id(row), expected.id) << "row " << row;
    live_rows.push_back(row);
  }
  ASSERT_EQ(ids.live_rows(), live_rows);
  for (int64_t id : probes) {
    const auto found = model.live.find(id);
    ASSERT_EQ(ids.find(id), found == model.live.end() ? -1 : found->second) << "id " << id;
  }
}

// What sweep_in_place does with the ids.
void sweep(RowIds& ids, Model& model) {
  int64_t hole = 0, end = ids.rows();
  while (true) {
    while (end > 0 && ids.is_dead(end - 1)) end--;
    while (hole < end && !ids.is_dead(hole)) hole++;
    if (hole >= end) break;
    ids.move(end - 1, hole);
    auto& last = model.rows[static_cast<size_t>(end - 1)];
    model.rows[static_cast<size_t>(hole)] = last;
    model.live[last.id] = hole;
    last.dead = true;
  }
  ids.truncate(end);
  model.rows.resize(static_cast<size_t>(end));
}

RowIds saved_and_restored(const RowIds& ids) {
  std::vector<uint64_t> dead;
  if (ids.dead() > 0) {
    dead = ids.dead_bits();
    dead.resize(static_cast<size_t>((ids.rows() + 63) / 64), 0);
  }
  return RowIds::restore(ids.rows(), ids.ids(), dead, ids.next_id());
}

// Ids that collide, lie apart, or are as large as can be.
int64_t any_id(Random& random, int mode) {
  if (mode == 0) return random.below(400);
  if (mode == 1) return random.below(400) << 32;
  if (mode == 2) return random.below(30) * 97;
  return random.chance(0.5) ? random.below(300) : (int64_t{1} << 62) + random.below(300);
}

TEST(RowIds, BehavesAsAMapUnderRandomOperations) {
  for (int round = 0; round < times(60, 12); round++) {
    Random random(100 + static_cast<uint64_t>(round));
    SCOPED_TRACE("round " + std::to_string(round) + " of QUIVER_SEED=" + std::to_string(seed()));
    RowIds ids;
    Model model;
    std::set<int64_t> probes = {-1, 0, 1, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
    const int mode = round % 5;
    for (int step = 0; step < 400; step++) {
      const int64_t dice = random.below(100);
      const uint64_t version = ids.version();
      if (dice < 60) {
        const int64_t id = mode == 4 ? ids.next_id() : any_id(random, mode);
        probes.insert(id);
        const int64_t old = ids.find(id);
        if (old >= 0) {
          ids.kill(old);
          model.kill(old);
        }
        ids.append(id);
        model.append(id);
      } else if (dice < 90) {
        if (model.live.empty()) continue;
        auto victim = model.live.begin();
        std::advance(victim, random.below(static_cast<int64_t>(model.live.size())));
        const int64_t row = victim->second;
        ids.kill(row);
        model.kill(row);
      } else if (dice < 93) {
        if (ids.dead() == 0) continue;
        sweep(ids, model);
      } else if (dice < 95) {
        ids = ids.grown(ids.rows() + random.below(200), random.chance(0.5));
      } else if (dice < 97) {
        ids = saved_and_restored(ids);
      } else {
        std::vector<Model::Row> kept;
        for (const auto& row : model.rows) {
          if (!row.dead) kept.push_back(row);
        }
        model.rows = kept;
        for (size_t row = 0; row < kept.size(); row++) model.live[kept[row].id] = static_cast<int64_t>(row);
        ids = ids.compacted();
      }
      ASSERT_NE(ids.version(), version) << "a filter would be taken for a fresh one";
      if (step % 7 != 0) continue;
      ASSERT_NO_FATAL_FAILURE(expect_same(ids, model, probes)) << "step " << step;
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(ids, model, probes));
  }
}

TEST(RowIds, CountingIdsCostNothing) {
  RowIds ids;
  for (int64_t i = 0; i < 10000; i++) ids.append(i);
  EXPECT_TRUE(ids.implicit());
  EXPECT_EQ(ids.bytes(), 0u);
  EXPECT_EQ(ids.find(9999), 9999);
  EXPECT_EQ(ids.find(10000), -1);
  EXPECT_EQ(ids.find(-1), -1);
  ids.append(500000);
  EXPECT_FALSE(ids.implicit());
  EXPECT_EQ(ids.find(9999), 9999);
  EXPECT_EQ(ids.find(500000), 10000);
  EXPECT_EQ(ids.find(10000), -1);
  EXPECT_EQ(ids.next_id(), 500001);
  EXPECT_GE(ids.bytes(), 10001 * sizeof(int64_t));
}

TEST(RowIds, KeepsRoomThatWasMade) {
  RowIds ids;
  ids.append(7);
  EXPECT_FALSE(ids.has_room(1000, true));
  ids = ids.grown(1000, true);
  EXPECT_TRUE(ids.has_room(1000, true));
  for (int64_t i = 1; i < 1000; i++) ids.append(i * 1000);
  EXPECT_TRUE(ids.has_room(1000, true)) << "no append had to grow it";
  for (int64_t row = 0; row < 1000; row += 2) ids.kill(row);
  EXPECT_TRUE(ids.has_room(1000, true)) << "no removal had to grow it";
}

TEST(RowIds, CountingRowsNeedNoRoomUntilIdsAreNamed) {
  RowIds ids;
  for (int64_t i = 0; i < 100; i++) ids.append(i);
  EXPECT_TRUE(ids.has_room(1000000, false));
  EXPECT_FALSE(ids.has_room(101, true));
  EXPECT_TRUE(ids.grown(1000, false).implicit());
  const RowIds named = ids.grown(1000, true);
  EXPECT_FALSE(named.implicit());
  EXPECT_TRUE(named.has_room(1000, true));
  for (int64_t i = 0; i < 100; i++) ASSERT_EQ(named.find(i), i);
}

TEST(RowIds, ARevivedRowIsFoundAgain) {
  for (const bool named : {false, true}) {
    RowIds ids;
    for (int64_t i = 0; i < 100; i++) ids.append(named ? i * 7 : i);
    const int64_t id = ids.id(40);
    const uint64_t version = ids.version();
    ids.kill(40);
    EXPECT_EQ(ids.find(id), -1);
    ids.revive(40);
    EXPECT_EQ(ids.find(id), 40);
    EXPECT_EQ(ids.dead(), 0);
    EXPECT_NE(ids.version(), version);
  }
}

TEST(RowIds, WithoutMemoryACallChangesNothing) {
  for (int64_t fail_at = 1;; fail_at++) {
    RowIds ids;
    std::vector<int64_t> live;
    auto same = [&] {
      ASSERT_EQ(ids.live(), static_cast<int64_t>(live.size()));
      for (int64_t id : live) ASSERT_EQ(ids.id(ids.find(id)), id);
    };
    bool failed = false;
    {
      const FailingMemory memory(fail_at);
      // Counting ids, one that does not count, and removals among both.
      for (int64_t i = 0; i < 70 && !failed; i++) {
        const int64_t id = i < 50 ? i : i * 1000;
        try {
          ids.append(id);
          live.push_back(id);
          if (i % 20 != 5) continue;
          ids.kill(ids.find(live.front()));
          live.erase(live.begin());
        } catch (const std::bad_alloc&) {
          failed = true;
        }
      }
    }
    ASSERT_NO_FATAL_FAILURE(same()) << "allocation " << fail_at;
    ids.append(123456789);
    live.push_back(123456789);
    ASSERT_NO_FATAL_FAILURE(same()) << "allocation " << fail_at << ", and one more afterwards";
    if (!failed) break;
  }
}

TEST(RowIds, RestoreRefusesMoreRowsThanAGraphCanCount) {
  EXPECT_EQ(code_of([] { RowIds::restore(int64_t{1} << 31, {}, {}, int64_t{1} << 31); }), code::kCorrupt);
}

TEST(RowIds, RestoreRefusesWhatContradictsItself) {
  EXPECT_EQ(code_of([] { RowIds::restore(2, {5, 5}, {}, 6); }), code::kCorrupt);
  EXPECT_EQ(code_of([] { RowIds::restore(100, {}, {1}, 100); }), code::kCorrupt);
  // One of the two is dead: then the id is unique.
  const RowIds ids = RowIds::restore(2, {5, 5}, {1}, 6);
  EXPECT_EQ(ids.find(5), 1);
  EXPECT_EQ(ids.dead(), 1);
}

TEST(RowIds, AHigherSavedNextIdIsKept) {
  RowIds ids = RowIds::restore(2, {3, 9}, {}, 50);
  EXPECT_EQ(ids.next_id(), 50);
  ids.append(50);
  EXPECT_EQ(ids.next_id(), 51);
  EXPECT_EQ(RowIds::restore(2, {3, 9}, {}, 0).next_id(), 10) << "never one that is taken";
}

}  // namespace

}  // namespace quiver::test
