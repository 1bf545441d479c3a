// The count that everybody sees, in the middle of a write too.
#include <gtest/gtest.h>

#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 8;

TEST(Count, GrowsWithEverySliceOfAnAdd) {
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat"}) {
    SCOPED_TRACE(factory);
    Random random(91);
    const auto x = random.vectors(3000, kDim);
    const auto index = IndexState::create(spec_of(factory, kDim), false, "");
    if (factory == "IVF8,Flat") index->train(staged(x, kDim), std::nullopt, Ticket());
    std::vector<int64_t> counts;
    Ticket ticket;
    ticket.on_progress = [&](const char*, int64_t done, int64_t) {
      EXPECT_EQ(index->count(), done) << "what is committed is counted";
      counts.push_back(done);
    };
    index->add(staged(x, kDim), std::nullopt, false, ticket);
    EXPECT_GT(counts.size(), 1u) << "more than one slice";
    EXPECT_EQ(index->count(), 3000);
    EXPECT_EQ(index->stats()->count, 3000);
  }
}

TEST(Count, DoesNotCountTheReplacedTwice) {
  Random random(92);
  const auto x = random.vectors(500, kDim);
  const auto index = IndexState::create(spec_of("HNSW8", kDim), false, "");
  add_to(index, x);
  Ticket ticket;
  ticket.on_progress = [&](const char*, int64_t, int64_t) { EXPECT_EQ(index->count(), 500); };
  add_to(index, x, counting(500), ticket);  // on the strand: it sweeps behind the scenes
  EXPECT_EQ(index->count(), 500);
}

}  // namespace

}  // namespace quiver::test
