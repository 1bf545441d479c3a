#include "core/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "test/failing_memory.h"
#include "test/support.h"

namespace quiver::test {

namespace {

TEST(Crew, DoesEachPartOnce) {
  for (const int threads : {1, 2, 8}) {
    std::vector<std::atomic<int>> done(1000);
    run_in_parts(1000, threads, [&](int64_t part) { done[static_cast<size_t>(part)]++; });
    for (const auto& times : done) ASSERT_EQ(times, 1) << threads;
  }
  run_in_parts(0, 4, [](int64_t) { FAIL(); });
}

TEST(Crew, NeedsNoHelper) {
  // Crews inside the parts of a crew: no worker is free, and nobody waits for one.
  std::atomic<int> done{0};
  run_in_parts(16, 8, [&](int64_t) { run_in_parts(16, 8, [&](int64_t) { done++; }); });
  EXPECT_EQ(done, 256);
}

TEST(Crew, ThrowsWhatAPartThrewAndBeginsNoMore) {
  std::atomic<int> begun{0};
  EXPECT_THROW(run_in_parts(100000, 4,
                            [&](int64_t part) {
                              begun++;
                              if (part == 3) throw std::runtime_error("broken");
                            }),
               std::runtime_error);
  EXPECT_LT(begun, 100000);
}

// A helper that was asked must find nothing left to do when it comes after the end: what it would call is gone then.
TEST(Crew, LeavesNoWorkBehindWhenThereIsNoMemoryForAHelper) {
  Executor& executor = Executor::instance();
  for (int64_t nth = 1; nth <= 8; nth++) {
    std::atomic<bool> over{false};
    std::atomic<int> done{0}, late{0};
    const std::function<void(int64_t)> work = [&](int64_t) { (over ? late : done)++; };
    Gate gate;
    for (int i = 0; i < executor.threads(); i++) executor.post_interactive(make_task([&] { gate.pass(); }));
    bool refused = false;
    try {
      const FailingMemory memory(nth);
      run_in_parts(100, 4, work);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    over = true;
    gate.open();
    executor.shutdown();  // returns when the helpers have ended
    EXPECT_EQ(late, 0) << nth;
    EXPECT_EQ(done, refused ? 0 : 100) << nth;
  }
  executor.ensure_started();  // or all that tests do without a lane would count as cancelled
}

}  // namespace

}  // namespace quiver::test
