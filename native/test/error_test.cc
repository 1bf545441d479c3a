#include "core/error.h"

#include <gtest/gtest.h>

#include <string>

namespace quiver::test {

namespace {

TEST(Error, IsOfACodeByItsText) {
  const std::string copy = code::kCorrupt;
  ASSERT_NE(copy.c_str(), code::kCorrupt);
  EXPECT_TRUE(Error(copy.c_str(), "damaged").is(code::kCorrupt));
  EXPECT_FALSE(Error(copy.c_str(), "damaged").is(code::kIo));
}

TEST(Error, SaysWhatComesBehindANul) {
  EXPECT_STREQ(Error(code::kFaiss, std::string("first\0second", 12)).what(), "firstsecond");
}

}  // namespace

}  // namespace quiver::test
