// Searches among writes of every kind, judged by what they may see.
#include <thread>

#include "test/known_vectors.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;
constexpr int64_t kLasting = 100;   // ids 0 to 99 are never written again
constexpr int64_t kChanging = 600;  // those after them come and go
constexpr int64_t kVersions = 3;

// The vector of an id is a function of the id and its version, so that a search can be judged without asking the
// writer.
class World {
 public:
  World() : x_(Random(191).vectors((kLasting + kChanging) * kVersions, kDim)) {}
  const float* at(int64_t id, int64_t version) const { return x_.data() + (id * kVersions + version) * kDim; }
  static int64_t versions(int64_t id) { return id < kLasting ? 1 : kVersions; }

 private:
  std::vector<float> x_;
};

class Searchers {
 public:
  // `whole`: the index keeps whole vectors, so distances and the nearest are known.
  Searchers(const std::shared_ptr<IndexState>& index, const World& world, bool whole) : index_(index), world_(world) {
    for (int i = 0; i < 2; i++) threads_.emplace_back([this, whole, i] { run(whole, static_cast<uint64_t>(i)); });
  }
  int64_t stop() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return searches_;
  }
  int64_t searches() const { return searches_; }

 private:
  void run(bool whole, uint64_t number) {
    omp_set_num_threads(1);
    Random random(1900 + number);
    while (!stop_) {
      const int64_t wanted = random.below(kLasting);
      SearchOptions options;
      options.k = 10;
      options.exact = random.chance(0.7);
      if (random.chance(0.2)) {
        options.filter =
            std::make_shared<Filter>(std::vector<Filter::Step>{{Filter::Op::kRange, {wanted, wanted + 300}, {}, 0}});
      }
      const std::vector<float> query(world_.at(wanted, 0), world_.at(wanted, 0) + kDim);
      judge(wanted, options, query, ask(*index_, query, options), whole);
      searches_++;
    }
  }

  void judge(int64_t wanted, const SearchOptions& options, const std::vector<float>& query, const Answer& answer,
             bool whole) const {
    std::set<int64_t> seen;
    for (size_t i = 0; i < 10; i++) {
      const int64_t id = answer.ids[i];
      ASSERT_TRUE(id >= 0 && id < kLasting + kChanging) << "place " << i << " holds " << id << ": 100 ids never go";
      ASSERT_TRUE(seen.insert(id).second) << "id " << id << " twice";
      ASSERT_TRUE(i == 0 || answer.distances[i] >= answer.distances[i - 1]);
      if (options.filter) ASSERT_TRUE(id >= wanted && id < wanted + 300) << "the filter lets only some through";
      if (!whole) continue;
      bool known = false;
      for (int64_t version = 0; version < World::versions(id); version++) {
        const double d = distance_of(Metric::kL2, kDim, query.data(), world_.at(id, version));
        known = known || std::abs(d - answer.distances[i]) < 10 * tolerance(d);
      }
      ASSERT_TRUE(known) << "id " << id << " never had a vector at distance " << answer.distances[i];
    }
    if (whole && options.exact) {
      ASSERT_EQ(answer.ids[0], wanted) << "an id that nobody writes must be found at any moment";
      ASSERT_EQ(answer.distances[0], 0.0f);
    }
  }

  std::shared_ptr<IndexState> index_;
  const World& world_;
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> searches_{0};
  std::vector<std::thread> threads_;
};

// Random writes, each noted in `known`.
class RandomWriter {
 public:
  RandomWriter(const std::shared_ptr<IndexState>& index, const World& world, Known& known, uint64_t salt)
      : index_(index), world_(world), known_(known), random_(salt) {}

  void write(const std::vector<std::string>& factories) {
    const int64_t dice = random_.below(100);
    if (dice < 50) {
      put();
    } else if (dice < 75) {
      take();
    } else if (dice < 90) {
      const std::string end = code_of([&] {
        const auto which = static_cast<size_t>(random_.below(static_cast<int64_t>(factories.size()) + 1));
        rebuild_now(index_,
                    which == factories.size() ? std::nullopt : std::optional<Spec>(spec_of(factories[which], kDim)));
      });
      ASSERT_EQ(end, "nothing");
    } else if (dice < 95) {
      on_strand(index_, [&] { index_->set_parameters(40, 20, 4); });
    } else {
      on_strand(index_, [&] { index_->to_bytes(Ticket()); });
    }
  }

 private:
  void put() {
    std::vector<int64_t> ids;
    std::vector<float> x;
    for (int64_t i = random_.between(1, 80); i > 0; i--) {
      ids.push_back(kLasting + random_.below(kChanging));
      const float* vector = world_.at(ids.back(), random_.below(kVersions));
      x.insert(x.end(), vector, vector + kDim);
    }
    add_to(index_, x, ids);
    known_.put(ids, x);
  }
  void take() {
    std::vector<int64_t> ids;
    for (int64_t i = random_.between(1, 120); i > 0; i--) ids.push_back(kLasting + random_.below(kChanging));
    remove_from(index_, ids);
    known_.erase(ids);
  }

  std::shared_ptr<IndexState> index_;
  const World& world_;
  Known& known_;
  Random random_;
};

void put_lasting(const std::shared_ptr<IndexState>& index, const World& world, Known& known) {
  std::vector<float> x;
  for (int64_t id = 0; id < kLasting; id++) x.insert(x.end(), world.at(id, 0), world.at(id, 0) + kDim);
  add_to(index, x, counting(kLasting));
  known.put(counting(kLasting), x);
}

TEST(IndexConcurrency, SearchesAmongWritesSeeNothingThatWasNeverThere) {
  const World world;
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat", "PCA16,Flat", "SQ8", "IVF8,PQ4x4fs"}) {
    SCOPED_TRACE(factory);
    const bool whole = factory == "Flat" || factory == "HNSW8" || factory == "IVF8,Flat";
    std::vector<float> sample(world.at(0, 0), world.at(0, 0) + 500 * kDim);
    auto index = IndexState::create(spec_of(factory, kDim), false, "");
    if (!index->stats()->trained) {
      on_strand(index, [&] { index->train(staged(sample, kDim), std::nullopt, Ticket()); });
    }
    Known known(kDim);
    put_lasting(index, world, known);
    Searchers searchers(index, world, whole);
    RandomWriter writer(index, world, known, 192);
    for (int64_t i = 0; i < times(120, 40); i++) ASSERT_NO_FATAL_FAILURE(writer.write({factory}));
    settle(index);
    while (searchers.searches() < 20) std::this_thread::yield();
    searchers.stop();
    Random random(193);
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random, whole));
  }
}

TEST(IndexConcurrency, SearchesGoOnWhileTheKindChanges) {
  const World world;
  auto index = IndexState::create(spec_of("Flat", kDim), false, "");
  Known known(kDim);
  put_lasting(index, world, known);
  Searchers searchers(index, world, true);
  RandomWriter writer(index, world, known, 194);
  for (int64_t i = 0; i < times(150, 50); i++) {
    ASSERT_NO_FATAL_FAILURE(writer.write({"Flat", "HNSW8", "IVF8,Flat"}));
  }
  settle(index);
  while (searchers.searches() < 20) std::this_thread::yield();
  searchers.stop();
  Random random(195);
  ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
}

TEST(IndexConcurrency, WritesDuringARebuildThatNobodyWaitsFor) {
  const World world;
  for (const std::string factory : {"HNSW8", "Flat"}) {
    auto index = IndexState::create(spec_of("Flat", kDim), false, "");
    Known known(kDim);
    put_lasting(index, world, known);
    RandomWriter writer(index, world, known, 196);
    for (int64_t round = 0; round < times(12, 5); round++) {
      std::promise<std::exception_ptr> end;
      index->rebuild(spec_of(round % 2 == 0 ? "HNSW8" : "IVF8,Flat", kDim), std::make_shared<Ticket>(),
                     [&](std::exception_ptr error) { end.set_value(error); });
      auto ended = end.get_future();
      // Writes until it has ended; none of them may be lost. Their own rebuilds would be refused.
      std::vector<int64_t> ids;
      Random random(1970 + static_cast<uint64_t>(round));
      do {
        const int64_t id = kLasting + random.below(kChanging);
        const float* x = world.at(id, random.below(kVersions));
        add_to(index, std::vector<float>(x, x + kDim), std::vector<int64_t>{id});
        known.put(id, x);
        const int64_t gone = kLasting + random.below(kChanging);
        remove_from(index, {gone});
        known.erase({gone});
      } while (ended.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
      ASSERT_EQ(ended.get(), nullptr);
      settle(index);
      ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
    }
  }
}

TEST(IndexConcurrency, EveryAnswerIsOfOneGenerationAroundResets) {
  Random random(198);
  const auto x = random.vectors(200, kDim);
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, x);
    std::atomic<bool> stop{false};
    std::atomic<int64_t> searches{0}, mixed{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; r++) {
      readers.emplace_back([&] {
        omp_set_num_threads(1);
        SearchOptions options;
        options.k = 20;
        options.exact = true;
        while (!stop) {
          const Answer answer = ask(*index, std::vector<float>(x.begin(), x.begin() + kDim), options);
          for (int64_t id : answer.ids) {
            if (id >= 0 && id / 1000 != answer.ids[0] / 1000) mixed++;
          }
          searches++;
        }
      });
    }
    for (int64_t cycle = 1; cycle <= times(60, 20); cycle++) {
      on_strand(index, [&] { index->reset(); });
      std::vector<int64_t> ids;
      for (int64_t i = 0; i < 200; i++) ids.push_back(cycle * 1000 + i);
      add_to(index, x, ids);
      if (cycle % 5 == 0) rebuild_now(index, spec_of(factory, kDim));
    }
    while (searches < 20) std::this_thread::yield();
    stop = true;
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(mixed, 0);
  }
}

TEST(IndexConcurrency, NeitherSideStarvesDuringALongAdd) {
  Random random(199);
  const int64_t n = times(6000, 1500);
  const auto x = random.vectors(n, kDim);
  for (const std::string factory : {"HNSW8", "Flat", "IVF8,Flat"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, std::vector<float>(x.begin(), x.begin() + 500 * kDim));
    std::atomic<bool> stop{false};
    std::atomic<int64_t> searches{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 3; r++) {
      readers.emplace_back([&] {
        omp_set_num_threads(1);
        const std::vector<float> query(x.begin(), x.begin() + kDim);
        while (!stop) {
          ask(*index, query, SearchOptions());
          searches++;
        }
      });
    }
    while (searches < 3) std::this_thread::yield();
    // Between two slices each reader that waited has had its turn, so a slice without any search is one that nobody
    // waited for.
    Ticket ticket;
    int64_t slices = 0, before = searches, with_searches = 0;
    ticket.on_progress = [&](const char*, int64_t, int64_t) {
      slices++;
      const int64_t now = searches;
      if (now > before) with_searches++;
      before = now;
    };
    const int64_t at_start = searches;
    add_to(index, x, std::nullopt, ticket);
    EXPECT_GT(searches, at_start) << "searches go on during the add";
    EXPECT_GT(with_searches, 0) << "of " << slices << " slices";
    stop = true;
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(index->count(), 500 + n) << "and the add ends among searches that never stop";
  }
}

}  // namespace

}  // namespace quiver::test
