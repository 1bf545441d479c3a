#include "core/memory.h"

#include <sys/sysinfo.h>

#include "test/support.h"

namespace quiver::test {

namespace {

TEST(Memory, SaysANumberThatCanBeTrue) {
  const uint64_t free_bytes = available_memory();
  struct sysinfo machine{};
  ASSERT_EQ(sysinfo(&machine), 0);
  EXPECT_GT(free_bytes, uint64_t{1} << 20) << "this test itself runs";
  EXPECT_LE(free_bytes, uint64_t{machine.totalram} * machine.mem_unit) << "not more than the machine has";
}

TEST(Memory, AnAddThatCannotFitIsRefusedBeforeAnythingIsWritten) {
  // A graph with 200,000 links a row takes 800 kB for a vector of 4 bytes: a million of them is more than any machine
  // that runs this has.
  const auto index = IndexState::create(spec_of("HNSW100000", 1), false, "");
  const std::vector<float> x(1000000, 1.0f);
  EXPECT_EQ(code_of([&] { index->add(staged(x, 1), std::nullopt, false, Ticket()); }), code::kOutOfMemory);
  EXPECT_EQ(index->count(), 0);
}

}  // namespace

}  // namespace quiver::test
