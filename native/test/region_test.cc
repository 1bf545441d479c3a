#include "core/region.h"

#include <sys/mman.h>

#include <fstream>

#include "core/file.h"
#include "test/support.h"

namespace quiver::test {

namespace {

std::shared_ptr<Region> mapped(const std::string& path, size_t size) {
  const Fd fd = open_for_reading(path);
  return Region::map_file(fd.get(), size, path);
}

// Whether an address belongs to this process: msync tells without touching it.
bool is_mapped(const uint8_t* address) {
  const auto page = reinterpret_cast<uintptr_t>(address) & ~uintptr_t{4095};
  return msync(reinterpret_cast<void*>(page), 1, MS_ASYNC) == 0;
}

TEST(Region, AMapOutlivesTheDescriptorTheNameAndTheFile) {
  const Folder folder;
  std::ofstream(folder.path("a")) << "mapped";
  const auto region = mapped(folder.path("a"), 6);
  EXPECT_TRUE(region->mapped());
  EXPECT_EQ(region->size(), 6u);
  {
    AtomicFile file(folder.path("a"));
    file.write("other!", 6);
    file.publish();
  }
  std::filesystem::remove(folder.path("a"));
  EXPECT_EQ(std::memcmp(region->data(), "mapped", 6), 0);
}

TEST(Region, MemoryIsZeroAndWritable) {
  const auto memory = Region::allocate(100000);
  EXPECT_FALSE(memory->mapped());
  EXPECT_EQ(memory->size(), 100000u);
  EXPECT_EQ(std::count(memory->data(), memory->data() + 100000, 0), 100000);
  memory->writable()[99999] = 1;
  EXPECT_EQ(memory->data()[99999], 1);
}

TEST(Region, GivesTheMemoryBackWithTheLastHolder) {
  const Folder folder;
  std::ofstream(folder.path("a")) << std::string(10000, 'x');
  for (const bool file : {false, true}) {
    auto first = file ? mapped(folder.path("a"), 10000) : Region::allocate(10000);
    const uint8_t* address = first->data();
    auto second = first;
    first.reset();
    EXPECT_TRUE(is_mapped(address));
    second.reset();
    EXPECT_FALSE(is_mapped(address));
  }
}

TEST(Region, SaysWhatItCannotDo) {
  const Folder folder;
  std::ofstream(folder.path("empty"));
  EXPECT_EQ(code_of([] { Region::allocate(size_t{1} << 62); }), code::kOutOfMemory);
  EXPECT_EQ(code_of([] { Region::map_file(-1, 10, "nothing"); }), code::kIo);
  EXPECT_EQ(code_of([&] { mapped(folder.path("empty"), 0); }), code::kIo) << "no bytes make no map";
}

// Nothing can be done about a file that is cut while it is mapped, save to say so: docs/architecture.md does.
TEST(RegionDeathTest, AFileThatIsCutWhileMappedEndsTheProcess) {
  if (kSanitizer) GTEST_SKIP() << "the sanitizers handle the signal in their own way";
  const Folder folder;
  std::ofstream(folder.path("a")) << std::string(100000, 'x');
  const auto region = mapped(folder.path("a"), 100000);
  GTEST_FLAG_SET(death_test_style, "fast");
  EXPECT_EXIT(
      {
        std::filesystem::resize_file(folder.path("a"), 0);
        const volatile uint8_t* bytes = region->data();
        std::exit(bytes[50000] == 'x' ? 0 : 1);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace

}  // namespace quiver::test
