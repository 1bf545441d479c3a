#include "core/coalescer.h"

#include <limits>
#include <thread>

#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 8, kRows = 500;

// Keeps every worker of the interactive lane busy, so that only the test takes shares.
class BusyLane {
 public:
  BusyLane() {
    const int workers = Executor::instance().threads();
    for (int i = 0; i < workers; i++) {
      Executor::instance().post_interactive(make_task([this] {
        inside_++;
        gate_.pass();
        inside_--;
      }));
    }
    while (inside_ < workers) std::this_thread::yield();
  }
  ~BusyLane() {
    gate_.open();
    while (inside_ > 0) std::this_thread::yield();
  }

 private:
  Gate gate_;
  std::atomic<int> inside_{0};
};

struct Outcome {
  std::string code = "none";
  std::string message;
  std::vector<int64_t> ids;
  std::vector<float> distances;
  int answers = 0;
  int order = -1;  // which of all jobs this one was, by its end
};

class CoalescerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    x_ = Random(91).vectors(kRows, kDim);
    index_ = index_of("Flat", kDim, x_);
  }

  // n queries, the vectors of ids from `first` on.
  std::unique_ptr<SearchJob> job(int64_t first, int64_t n, Outcome& outcome, int64_t k = 3) {
    auto made = std::make_unique<SearchJob>();
    made->n = n;
    for (int64_t i = 0; i < n; i++) {
      const float* x = x_.data() + (first + i) % kRows * kDim;
      made->queries.insert(made->queries.end(), x, x + kDim);
    }
    made->options.k = k;
    made->ids.resize(static_cast<size_t>(n * k));
    made->distances.resize(static_cast<size_t>(n * k));
    made->ticket = std::make_shared<Ticket>();
    made->done = [this, &outcome](SearchJob& finished, std::exception_ptr error) {
      std::lock_guard<std::mutex> guard(mutex_);
      outcome.code = "nothing";
      try {
        if (error) std::rethrow_exception(error);
      } catch (const Error& thrown) {
        outcome.code = thrown.code;
        outcome.message = thrown.what();
      }
      outcome.ids = finished.ids;
      outcome.distances = finished.distances;
      outcome.answers++;
      outcome.order = ended_++;
    };
    return made;
  }

  static void expect_own(const Outcome& outcome, int64_t first, int64_t n, int64_t k = 3) {
    ASSERT_EQ(outcome.code, "nothing") << outcome.message;
    ASSERT_EQ(outcome.answers, 1);
    for (int64_t i = 0; i < n; i++) {
      ASSERT_EQ(outcome.ids[static_cast<size_t>(i * k)], (first + i) % kRows) << "query " << i;
      // Batches go through BLAS, which rounds.
      ASSERT_NEAR(outcome.distances[static_cast<size_t>(i * k)], 0.0f, 1e-4f) << "query " << i;
    }
  }

  std::vector<float> x_;
  std::shared_ptr<IndexState> index_;
  std::mutex mutex_;
  int ended_ = 0;
};

TEST_F(CoalescerTest, SinglesThatWaitTogetherAreOneBatch) {
  const BusyLane busy;
  std::vector<Outcome> outcomes(200);
  for (int64_t i = 0; i < 200; i++) index_->coalescer.submit(job(i, 1, outcomes[static_cast<size_t>(i)]));
  index_->coalescer.work();
  EXPECT_EQ(ended_, 200) << "one share answers them all";
  for (int64_t i = 0; i < 200; i++) expect_own(outcomes[static_cast<size_t>(i)], i, 1);
}

TEST_F(CoalescerTest, DifferentOptionsAreDifferentBatches) {
  const BusyLane busy;
  std::vector<Outcome> outcomes(4);
  const int64_t ks[] = {3, 3, 5, 3};
  for (size_t i = 0; i < 4; i++) index_->coalescer.submit(job(static_cast<int64_t>(i), 1, outcomes[i], ks[i]));
  index_->coalescer.work();
  EXPECT_EQ(ended_, 2) << "the two that agree, up to the one that does not";
  index_->coalescer.work();
  EXPECT_EQ(ended_, 3);
  index_->coalescer.work();
  EXPECT_EQ(ended_, 4);
  for (size_t i = 0; i < 4; i++) expect_own(outcomes[i], static_cast<int64_t>(i), 1, ks[i]);
}

TEST_F(CoalescerTest, ALargeJobLetsOthersInAfterEachShare) {
  const BusyLane busy;
  Outcome large, small;
  index_->coalescer.submit(job(0, 5000, large));
  index_->coalescer.submit(job(7, 1, small));
  index_->coalescer.work();
  EXPECT_EQ(ended_, 0) << "a share of the large one";
  index_->coalescer.work();
  EXPECT_EQ(small.order, 0) << "the single query must not wait for all of the large job";
  while (large.answers == 0) index_->coalescer.work();
  expect_own(large, 0, 5000);
  expect_own(small, 7, 1);
}

TEST_F(CoalescerTest, ThreadsBoundsTheShares) {
  const BusyLane busy;
  Outcome outcome;
  auto bounded = job(0, 1001, outcome);
  bounded->options.threads = 2;
  index_->coalescer.submit(std::move(bounded));
  index_->coalescer.work();
  EXPECT_EQ(outcome.answers, 0);
  index_->coalescer.work();
  expect_own(outcome, 0, 1001);
}

TEST_F(CoalescerTest, OneThreadTakesOneShareAfterTheOther) {
  const BusyLane busy;
  Outcome bounded, other;
  auto large = job(0, 3000, bounded);
  large->options.threads = 1;
  index_->coalescer.submit(std::move(large));
  for (int share = 0; share < 2; share++) index_->coalescer.work();
  EXPECT_EQ(bounded.answers, 0) << "the lock is given back between shares, for writers";
  index_->coalescer.submit(job(5, 1, other));
  index_->coalescer.work();
  index_->coalescer.work();
  expect_own(bounded, 0, 3000);
  expect_own(other, 5, 1);
}

TEST_F(CoalescerTest, ThreadsBoundsTheSharesAtATime) {
  // The lane's workers and the test's take shares as fast as they can; a share of a bounded job sees itself alone.
  std::vector<Outcome> outcomes(20);
  for (auto& outcome : outcomes) {
    auto bounded = job(0, 2500, outcome);
    bounded->options.threads = 1;
    index_->coalescer.submit(std::move(bounded));
  }
  auto all_ended = [&] {
    std::lock_guard<std::mutex> guard(mutex_);
    return ended_ == 20;
  };
  while (!all_ended()) index_->coalescer.work();
  for (const auto& outcome : outcomes) expect_own(outcome, 0, 2500);
}

TEST_F(CoalescerTest, ABadQueryFailsAlone) {
  const BusyLane busy;
  std::vector<Outcome> outcomes(5);
  for (size_t i = 0; i < 5; i++) {
    auto one = job(static_cast<int64_t>(i), 2, outcomes[i]);
    if (i == 1) one->queries[kDim + 3] = std::numeric_limits<float>::quiet_NaN();
    if (i == 3) one->ticket->cancel();
    index_->coalescer.submit(std::move(one));
  }
  index_->coalescer.work();
  EXPECT_EQ(ended_, 5);
  for (const size_t good : {0, 2, 4}) expect_own(outcomes[good], static_cast<int64_t>(good), 2);
  EXPECT_EQ(outcomes[1].code, code::kNotFinite);
  EXPECT_EQ(outcomes[1].message.substr(0, 14), "Vector 1 holds");
  EXPECT_EQ(outcomes[3].code, code::kAborted);
}

TEST_F(CoalescerTest, ABadQueryInALaterShareIsNumberedWithinItsCall) {
  const BusyLane busy;
  Outcome outcome;
  auto large = job(0, 3000, outcome);
  large->queries[static_cast<size_t>(2500 * kDim)] = std::numeric_limits<float>::infinity();
  index_->coalescer.submit(std::move(large));
  while (outcome.answers == 0) index_->coalescer.work();
  EXPECT_EQ(outcome.code, code::kNotFinite);
  EXPECT_EQ(outcome.message.substr(0, 17), "Vector 2500 holds");
}

TEST_F(CoalescerTest, WorkWithoutJobsDoesNothing) {
  index_->coalescer.work();
  EXPECT_EQ(ended_, 0);
}

TEST_F(CoalescerTest, AClosedIndexAnswersWithAnError) {
  on_strand(index_, [&] { index_->free(); });
  std::vector<Outcome> outcomes(3);
  {
    const BusyLane busy;
    for (auto& outcome : outcomes) index_->coalescer.submit(job(0, 2, outcome));
    index_->coalescer.work();
  }
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.code, code::kClosed);
}

TEST_F(CoalescerTest, TheIndexLivesUntilItsJobsAreAnswered) {
  Outcome outcome;
  const std::weak_ptr<IndexState> watched = index_;
  {
    const BusyLane busy;
    index_->coalescer.submit(job(3, 2, outcome));
    index_.reset();
    EXPECT_FALSE(watched.expired());
  }
  while (!watched.expired()) std::this_thread::yield();
  std::lock_guard<std::mutex> guard(mutex_);  // expired() alone says nothing of what was written before
  expect_own(outcome, 3, 2);
}

TEST_F(CoalescerTest, AShutdownAnswersWhatWaits) {
  std::vector<Outcome> outcomes(50);
  std::thread closer;
  {
    const BusyLane busy;
    for (auto& outcome : outcomes) index_->coalescer.submit(job(0, 40, outcome));
    closer = std::thread([] { Executor::instance().shutdown(); });
    while (!Ticket().aborted()) std::this_thread::yield();
  }
  closer.join();
  Executor::instance().post_bulk(make_task([] {}));  // starts it again, for the tests to come
  for (const auto& outcome : outcomes) {
    ASSERT_EQ(outcome.answers, 1);
    ASSERT_EQ(outcome.code, code::kAborted);
  }
}

TEST_F(CoalescerTest, EachOfManyCallsFromManyThreadsGetsItsOwnAnswer) {
  constexpr int kThreads = 4;
  const auto kEach = static_cast<size_t>(times(150, 60));
  std::vector<std::vector<Outcome>> outcomes(kThreads, std::vector<Outcome>(kEach));
  std::vector<std::thread> threads;
  auto size_of = [](size_t i) { return i % 50 == 49 ? int64_t{2000} : static_cast<int64_t>(i % 3 + 1); };
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; i++) {
        auto one = job(static_cast<int64_t>(i), size_of(i), outcomes[static_cast<size_t>(t)][i], i % 7 == 0 ? 4 : 3);
        if (i % 11 == 0) one->options.threads = 2;
        index_->coalescer.submit(std::move(one));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  auto all_ended = [&] {
    std::lock_guard<std::mutex> guard(mutex_);
    return ended_ == kThreads * static_cast<int>(kEach);
  };
  while (!all_ended()) std::this_thread::yield();
  for (const auto& of_thread : outcomes) {
    for (size_t i = 0; i < kEach; i++) {
      ASSERT_NO_FATAL_FAILURE(expect_own(of_thread[i], static_cast<int64_t>(i), size_of(i), i % 7 == 0 ? 4 : 3));
    }
  }
}

}  // namespace

}  // namespace quiver::test
