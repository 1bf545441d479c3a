// How many hold an index open: the last one frees it, and nobody opens it again after that.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "test/support.h"

namespace quiver::test {

namespace {

TEST(Handles, TheLastOneIsToldSo) {
  const auto index = IndexState::create(spec_of("Flat", 2), false, "");
  index->open_handle();
  EXPECT_TRUE(index->open_another_handle());
  EXPECT_FALSE(index->close_handle());
  EXPECT_TRUE(index->close_handle());
}

TEST(Handles, WhatNobodyHoldsIsNotOpenedAgain) {
  const auto index = IndexState::create(spec_of("Flat", 2), false, "");
  EXPECT_FALSE(index->open_another_handle()) << "never opened";
  index->open_handle();
  EXPECT_TRUE(index->close_handle());
  EXPECT_FALSE(index->open_another_handle()) << "closed, though the object is still there";
  EXPECT_FALSE(index->open_another_handle()) << "asking does not open it";
}

TEST(Handles, AnOpenThatMeetsTheLastCloseEitherCameInTimeOrIsRefused) {
  for (int round = 0; round < times(2000, 200); round++) {
    const auto index = IndexState::create(spec_of("Flat", 2), false, "");
    index->open_handle();
    std::atomic<int> lasts{0};
    std::thread other([&] {
      if (index->open_another_handle() && index->close_handle()) lasts++;
    });
    if (index->close_handle()) lasts++;
    other.join();
    ASSERT_EQ(lasts, 1) << "exactly one of them frees it";
  }
}

}  // namespace

}  // namespace quiver::test
