#include "core/executor.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/ticket.h"
#include "test/failing_memory.h"
#include "test/support.h"

namespace quiver::test {

namespace {

TEST(Inbox, HandsTasksOutInOrder) {
  Inbox inbox;
  std::vector<int> ran;
  TaskQueue queue;
  for (int i = 0; i < 5; i++) inbox.push(make_task([&ran, i] { ran.push_back(i); }));
  inbox.drain_into(queue);
  for (int i = 5; i < 8; i++) inbox.push(make_task([&ran, i] { ran.push_back(i); }));
  inbox.drain_into(queue);
  inbox.drain_into(queue);
  while (const auto task = queue.pop()) task->run();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(ran, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Inbox, FreesTasksThatNobodyTook) {
  auto held = std::make_shared<int>(1);
  {
    Inbox inbox;
    inbox.push(make_task([held] {}));
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Lane, OneWorkerKeepsTheOrder) {
  Lane lane;
  lane.start(1, false);
  std::vector<int> ran;
  std::promise<void> end;
  for (int i = 0; i < 1000; i++) lane.post(make_task([&ran, i] { ran.push_back(i); }));
  lane.post(make_task([&] { end.set_value(); }));
  end.get_future().get();
  lane.stop();
  EXPECT_EQ(ran.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

TEST(Lane, RunsEachTaskOnceWhoeverPosts) {
  Lane lane;
  lane.start(3, false);
  static constexpr int kPosters = 4, kEach = 2000;
  std::vector<std::atomic<int>> ran(kPosters * kEach);
  std::vector<std::thread> posters;
  for (int p = 0; p < kPosters; p++) {
    posters.emplace_back([&, p] {
      for (int i = 0; i < kEach; i++) lane.post(make_task([&ran, p, i] { ran[p * kEach + i]++; }));
    });
  }
  for (auto& poster : posters) poster.join();
  lane.stop();
  for (auto& count : ran) ASSERT_EQ(count, 1);
}

TEST(Lane, KnowsHowManyWorkersAreIdle) {
  Lane lane;
  lane.start(2, false);
  while (lane.idle() != 2) std::this_thread::yield();
  Gate gate;
  std::atomic<bool> began{false};
  lane.post(make_task([&] {
    began = true;
    gate.pass();
  }));
  while (!began) std::this_thread::yield();
  EXPECT_LE(lane.idle(), 1);
  gate.open();
  while (lane.idle() != 2) std::this_thread::yield();
  lane.stop();
  EXPECT_EQ(lane.idle(), 0);
}

TEST(Lane, StopsWithWorkStillQueued) {
  Lane lane;
  lane.start(1, false);
  Gate gate;
  std::atomic<int> ran{0};
  auto held = std::make_shared<int>(1);
  lane.post(make_task([&] { gate.pass(); }));
  for (int i = 0; i < 100; i++) {
    lane.post(make_task([&ran, held] { ran++; }));
  }
  std::thread opener([&] { gate.open(); });
  lane.stop();
  opener.join();
  // Every task is run: what waits for its end would wait for ever.
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(held.use_count(), 1);
  // And it starts again.
  lane.start(2, false);
  std::promise<void> end;
  lane.post(make_task([&] { end.set_value(); }));
  end.get_future().get();
  lane.stop();
}

TEST(Executor, WorkersLeaveSignalsToTheHost) {
  std::promise<sigset_t> got;
  Executor::instance().post_bulk(make_task([&] {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    got.set_value(blocked);
  }));
  sigset_t blocked = got.get_future().get();
  for (int signal : {SIGINT, SIGTERM, SIGXFSZ, SIGUSR1, SIGCHLD}) EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  EXPECT_EQ(sigismember(&own, SIGINT), 0) << "the starting thread keeps its own mask";
}

TEST(Executor, GivesSearchesOneThreadAndBulkATeam) {
  std::promise<int> interactive, bulk;
  Executor::instance().post_interactive(make_task([&] { interactive.set_value(omp_get_max_threads()); }));
  Executor::instance().post_bulk(make_task([&] { bulk.set_value(omp_get_max_threads()); }));
  EXPECT_EQ(interactive.get_future().get(), 1);
  EXPECT_EQ(bulk.get_future().get(), std::min(Executor::instance().threads(), omp_get_thread_limit()));
}

TEST(Executor, TakesNoThreadsFromWorkThatHasBegun) {
  Executor& executor = Executor::instance();
  std::promise<void> ran;
  executor.post_interactive(make_task([&] { ran.set_value(); }));
  ran.get_future().get();
  const int threads = executor.threads();
  EXPECT_FALSE(executor.set_threads(threads + 1));
  EXPECT_EQ(executor.threads(), threads);
  EXPECT_TRUE(executor.set_threads(threads)) << "what it is already is no change";
  executor.shutdown();
  EXPECT_TRUE(executor.set_threads(threads + 1));
  EXPECT_EQ(executor.threads(), threads + 1);
  EXPECT_TRUE(executor.set_threads(threads));
}

TEST(Executor, ShutdownAbortsWhatRunsAndARestartWorks) {
  Executor& executor = Executor::instance();
  const int workers = std::min(executor.threads(), 2);  // of the bulk lane
  for (int round = 0; round < 5; round++) {
    std::atomic<int> began{0}, queued{0}, aborted{0};
    const Ticket ticket;
    for (int i = 0; i < workers; i++) {
      executor.post_bulk(make_task([&] {
        began++;
        while (!ticket.aborted()) std::this_thread::yield();
      }));
    }
    while (began < workers) std::this_thread::yield();
    for (int i = 0; i < 50; i++) {
      executor.post_bulk(make_task([&] {
        queued++;
        if (Ticket().aborted()) aborted++;
      }));
    }
    executor.shutdown();
    EXPECT_EQ(queued, 50);
    EXPECT_EQ(aborted, 50);
    executor.shutdown();  // a second one finds nothing to do
    std::promise<bool> fresh;
    executor.post_interactive(make_task([&] { fresh.set_value(Ticket().aborted()); }));
    EXPECT_FALSE(fresh.get_future().get()) << "work after a restart is not aborted";
  }
}

TEST(Executor, TasksOfEachLaneMayPostToTheOtherDuringAShutdown) {
  Executor& executor = Executor::instance();
  for (int round = 0; round < 5; round++) {
    std::atomic<bool> began{false};
    std::atomic<int> ran{0};
    const Ticket ticket;
    executor.post_bulk(make_task([&] {
      began = true;
      while (!ticket.aborted()) std::this_thread::yield();
      // The interactive lane may stand still already.
      for (int i = 0; i < 5; i++) {
        executor.post_interactive(make_task([&] {
          ran++;
          executor.post_bulk(make_task([&] { ran++; }));
        }));
      }
    }));
    while (!began) std::this_thread::yield();
    executor.shutdown();
    EXPECT_EQ(ran, 10) << "a task that is left behind is one that somebody waits for";
    std::promise<void> next;
    executor.post_interactive(make_task([&] { next.set_value(); }));
    next.get_future().get();
  }
}

TEST(Strand, KeepsOrderAndNeverOverlapsInEitherLane) {
  for (const bool interactive : {false, true}) {
    auto strand = std::make_shared<Strand>(interactive);
    std::vector<int> ran;  // no lock: the strand is one
    std::atomic<int> inside{0}, overlaps{0};
    std::promise<void> end;
    for (int i = 0; i < 2000; i++) {
      strand->post(make_task([&, i] {
        if (inside.fetch_add(1) != 0) overlaps++;
        ran.push_back(i);
        inside--;
      }));
    }
    strand->post(make_task([&] { end.set_value(); }));
    end.get_future().get();
    EXPECT_EQ(overlaps, 0);
    ASSERT_EQ(ran.size(), 2000u);
    EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
  }
}

TEST(Strand, KeepsEachPostersOrder) {
  auto strand = std::make_shared<Strand>();
  constexpr int kPosters = 4, kEach = 500;
  std::vector<std::pair<int, int>> ran;
  std::vector<std::thread> posters;
  for (int p = 0; p < kPosters; p++) {
    posters.emplace_back([&, p] {
      for (int i = 0; i < kEach; i++) strand->post(make_task([&ran, p, i] { ran.emplace_back(p, i); }));
    });
  }
  for (auto& poster : posters) poster.join();
  std::promise<void> end;
  strand->post(make_task([&] { end.set_value(); }));
  end.get_future().get();
  ASSERT_EQ(ran.size(), size_t{kPosters * kEach});
  std::vector<int> next(kPosters, 0);
  for (const auto& [poster, i] : ran) ASSERT_EQ(i, next[poster]++);
}

// A task that was taken in but never run would keep all later ones waiting.
TEST(Strand, GoesOnAfterAPostThatHadNoMemory) {
  auto strand = std::make_shared<Strand>();
  int ran = 0;
  for (int64_t nth = 1; nth < 4; nth++) {
    auto task = make_task([&] { ran++; });
    const FailingMemory memory(nth);
    try {
      strand->post(std::move(task));
    } catch (const std::bad_alloc&) {
      ran++;
    }
  }
  std::promise<void> end;
  strand->post(make_task([&] { end.set_value(); }));
  end.get_future().get();
  EXPECT_EQ(ran, 3);
}

TEST(Strand, TasksMayPostToTheirOwnStrandAndOutliveTheirOwner) {
  std::promise<std::string> end;
  std::string log;
  auto strand = std::make_shared<Strand>();
  std::weak_ptr<Strand> watched = strand;
  strand->post(make_task([&, watched] {
    log += 'a';
    watched.lock()->post(make_task([&] {
      log += 'c';
      end.set_value(log);
    }));
    log += 'b';
  }));
  strand.reset();
  EXPECT_EQ(end.get_future().get(), "abc");
}

TEST(Strand, AShutdownEmptiesItAndItGoesOnAfterwards) {
  auto strand = std::make_shared<Strand>();
  Gate gate;
  std::atomic<int> ran{0};
  strand->post(make_task([&] { gate.pass(); }));
  for (int i = 0; i < 100; i++) strand->post(make_task([&] { ran++; }));
  std::thread opener([&] { gate.open(); });
  Executor::instance().shutdown();
  opener.join();
  EXPECT_EQ(ran, 100);
  std::promise<void> end;
  strand->post(make_task([&] { end.set_value(); }));
  end.get_future().get();
}

}  // namespace

}  // namespace quiver::test
