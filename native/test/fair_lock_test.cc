#include "core/fair_lock.h"

#include <atomic>
#include <thread>

#include "test/support.h"

namespace quiver::test {

namespace {

void wait_until(const std::function<bool()>& holds) {
  while (!holds()) std::this_thread::yield();
}

// True while a writer holds the lock or waits for it: then no reader gets in.
bool shut(FairLock& lock) {
  if (!lock.try_lock_shared()) return true;
  lock.unlock_shared();
  return false;
}

TEST(FairLock, LetsReadersInTogether) {
  FairLock lock;
  lock.lock_shared();
  EXPECT_TRUE(lock.try_lock_shared());
  std::thread other([&] {
    SharedHold hold(lock);
    EXPECT_TRUE(lock.try_lock_shared());
    lock.unlock_shared();
  });
  other.join();
  lock.unlock_shared();
  lock.unlock_shared();
  lock.lock();
  EXPECT_FALSE(lock.try_lock_shared());
  lock.unlock();
  EXPECT_TRUE(lock.try_lock_shared());
  lock.unlock_shared();
}

TEST(FairLock, AWaitingWriterStopsNewReaders) {
  FairLock lock;
  lock.lock_shared();
  std::atomic<bool> written{false};
  std::thread writer([&] {
    lock.lock();
    written = true;
    lock.unlock();
  });
  wait_until([&] { return shut(lock); });
  EXPECT_FALSE(written);
  EXPECT_FALSE(lock.try_lock_shared()) << "a stream of readers would hold the writer back for ever";
  lock.unlock_shared();
  writer.join();
  EXPECT_TRUE(written);
}

TEST(FairLock, WaitingReadersGoBeforeTheNextWriter) {
  for (int round = 0; round < 50; round++) {
    FairLock lock;
    std::mutex log_mutex;
    std::string log;
    auto note = [&](char c) {
      std::lock_guard<std::mutex> guard(log_mutex);
      log += c;
    };
    lock.lock();
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; i++) {
      readers.emplace_back([&] {
        SharedHold hold(lock);
        note('r');
      });
    }
    wait_until([&] { return lock.readers_waiting(); });
    // Readers that arrive before the unlock below are admitted by it; the second writer waits from now on too.
    std::thread writer([&] {
      lock.lock();
      note('w');
      lock.unlock();
    });
    std::this_thread::yield();
    note('u');
    lock.unlock();
    for (auto& reader : readers) reader.join();
    writer.join();
    ASSERT_EQ(log.size(), 5u);
    EXPECT_EQ(log[0], 'u');
    EXPECT_NE(log.find('r'), std::string::npos);
    // At least the reader that was seen waiting precedes the writer.
    EXPECT_LT(log.find('r'), log.find('w')) << log;
  }
}

TEST(FairLock, ReadersSeeNoHalfWrite) {
  FairLock lock;
  int64_t first = 0, second = 0;  // always equal outside of a write
  constexpr int64_t kWrites = 2000;
  std::atomic<int> writers_left{2};
  std::atomic<int64_t> reads{0}, torn{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; i++) {
    threads.emplace_back([&] {
      for (int64_t w = 0; w < kWrites; w++) {
        std::lock_guard<FairLock> hold(lock);
        first++;
        second++;
      }
      writers_left--;
    });
    threads.emplace_back([&] {
      while (writers_left > 0) {
        SharedHold hold(lock);
        if (first != second) torn++;
        reads++;
      }
    });
    threads.emplace_back([&] {
      while (writers_left > 0) {
        if (!lock.try_lock_shared()) continue;
        SharedHold hold(lock, std::adopt_lock);
        if (first != second) torn++;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(first, 2 * kWrites);
  EXPECT_GT(reads, 0) << "writers must not starve readers";
  EXPECT_FALSE(shut(lock));
}

TEST(FairLock, AWriterEndsAmongReadersThatNeverStop) {
  FairLock lock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; i++) {
    readers.emplace_back([&] {
      while (!stop) SharedHold hold(lock);
    });
  }
  for (int i = 0; i < 200; i++) std::lock_guard<FairLock> hold(lock);
  stop = true;
  for (auto& reader : readers) reader.join();
}

}  // namespace

}  // namespace quiver::test
