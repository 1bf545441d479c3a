#include "core/journal.h"

#include <thread>

#include "test/failing_memory.h"
#include "test/support.h"

namespace quiver::test {

namespace {

std::vector<int64_t> sorted(std::vector<int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

TEST(Journal, HandsOutEachIdOnceUntilItIsTouchedAgain) {
  Journal journal;
  for (int64_t id : {5, 7, 5, 9}) journal.touch(id);
  EXPECT_EQ(journal.size(), 3u);
  EXPECT_EQ(sorted(journal.take().ids), (std::vector<int64_t>{5, 7, 9}));
  EXPECT_TRUE(journal.take().ids.empty());
  journal.touch(7);
  EXPECT_EQ(journal.take().ids, std::vector<int64_t>{7});
}

TEST(Journal, EmptyingForgetsWhatCameBefore) {
  Journal journal;
  journal.touch(1);
  journal.empty();
  journal.touch(2);
  const Journal::Entries entries = journal.take();
  EXPECT_TRUE(entries.emptied);
  EXPECT_EQ(entries.ids, std::vector<int64_t>{2});
  EXPECT_FALSE(journal.take().emptied) << "once";
}

TEST(Journal, KeepsTheLastOfEachParameter) {
  Journal journal;
  journal.set_parameters({0, 40, 0});
  journal.set_parameters({200, 0, 3});
  journal.set_parameters({0, 50, 0});
  const Journal::Parameters set = journal.parameters();
  EXPECT_EQ(set.ef_construction, 200);
  EXPECT_EQ(set.ef_search, 50);
  EXPECT_EQ(set.nprobe, 3);
}

TEST(Journal, ANewTrainingEndsTheRebuild) {
  Journal journal;
  journal.supersede();
  EXPECT_EQ(code_of([&] { journal.take(); }), code::kAborted);
}

TEST(Journal, WithoutMemoryTheRebuildFailsAndNotTheWrite) {
  Journal journal;
  {
    const FailingMemory memory(1);
    journal.touch(1);
  }
  journal.touch(2);
  EXPECT_EQ(code_of([&] { journal.take(); }), code::kOutOfMemory);
}

TEST(Journal, LosesNothingBetweenThreads) {
  Journal journal;
  constexpr int64_t kIds = 20000;
  std::atomic<bool> ended{false};
  std::thread writer([&] {
    for (int64_t id = 0; id < kIds; id++) journal.touch(id);
    ended = true;
  });
  std::vector<int> seen(kIds, 0);
  while (true) {
    const bool last = ended;
    for (int64_t id : journal.take().ids) seen[static_cast<size_t>(id)]++;
    if (last) break;
  }
  writer.join();
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), kIds);
}

}  // namespace

}  // namespace quiver::test
