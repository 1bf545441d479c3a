#include "core/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

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

}  // namespace

}  // namespace quiver::test
