#include "core/writer.h"

#include <faiss/IndexIVF.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "core/compactor.h"
#include "core/structure_check.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

// Appends in pieces, as adds come, and registers counting ids.
int64_t append(Body& body, FairLock& lock, const std::vector<float>& x, int64_t piece,
               const Ticket& ticket = Ticket()) {
  Writer writer(body, lock, ticket, team());
  const int64_t n = static_cast<int64_t>(x.size()) / kDim;
  int64_t done = 0;
  for (int64_t at = 0; at < n; at += piece) {
    const int64_t m = std::min(piece, n - at);
    writer.reserve(m, false);
    done += writer.append(m, x.data() + at * kDim, [&](int64_t, int64_t count) {
      for (int64_t i = 0; i < count; i++) body.rows.append(body.rows.next_id());
    });
  }
  return done;
}

Body empty_trained(const std::string& factory, const std::vector<float>& x, Metric metric = Metric::kL2) {
  Body body = filled(factory, kDim, x, metric);
  body.index->reset();
  body.rows = RowIds();
  return body;
}

double recall_of(Body& body, const std::vector<float>& queries, Metric metric) {
  const Decoded decoded = decode(body, queries);
  const auto n = static_cast<int64_t>(queries.size()) / kDim;
  SearchOptions options;
  options.ef_search = 40;
  std::vector<int64_t> rows(static_cast<size_t>(n * 10));
  std::vector<float> distances(rows.size());
  const Shape shape(body.index.get());
  Searcher(*body.index, shape, body.rows, nullptr).search(n, queries.data(), options, rows.data(), distances.data());
  return recall(decoded, metric, counting(body.rows.rows()), n, 10, rows.data());
}

TEST(Writer, AGraphInSlicesIsAsGoodAsFaissOwn) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    Random random(31);
    const int64_t n = times(6000, 1500);
    const auto x = random.vectors(n, kDim);
    const auto queries = random.vectors(200, kDim);
    Body whole = filled("HNSW8", kDim, x, metric);
    const double own = recall_of(whole, queries, metric);
    for (const int64_t piece : {int64_t{1}, int64_t{7}, int64_t{500}, n}) {
      if (piece == 1 && n > 2000) continue;  // one by one is the same path as seven by seven, only slower
      Body body = empty_trained("HNSW8", std::vector<float>(x.begin(), x.begin() + 64 * kDim), metric);
      FairLock lock;
      ASSERT_EQ(append(body, lock, x, piece), n);
      ASSERT_NO_THROW(check_structure(*body.index, n, "the graph"));
      EXPECT_GT(recall_of(body, queries, metric), own - 0.03) << metric_name(metric) << ", pieces of " << piece;
    }
    EXPECT_GT(own, 0.7);
  }
}

TEST(Writer, AppendsToEveryKindWhatFaissOwnAddDoes) {
  Random random(32);
  const auto x = random.vectors(1500, kDim);
  const auto queries = random.vectors(20, kDim);
  for (const auto& factory : kinds()) {
    SCOPED_TRACE(factory);
    Body whole = filled(factory, kDim, x);
    Body sliced;
    sliced.factory = factory;
    sliced.index = copy_index(*whole.index);
    sliced.index->reset();
    FairLock lock;
    ASSERT_EQ(append(sliced, lock, x, 400), 1500);
    ASSERT_EQ(sliced.index->ntotal, 1500);
    ASSERT_EQ(sliced.rows.rows(), 1500);
    ASSERT_NO_THROW(check_structure(*sliced.index, 1500, factory));
    if (as_hnsw(base_of(sliced.index.get())) != nullptr) continue;  // graphs differ by design; recall is judged above
    std::vector<int64_t> rows(200), expected_rows(200);
    std::vector<float> distances(200), expected(200);
    sliced.index->search(20, queries.data(), 10, distances.data(), rows.data());
    whole.index->search(20, queries.data(), 10, expected.data(), expected_rows.data());
    for (size_t i = 0; i < 200; i++) ASSERT_NEAR(distances[i], expected[i], tolerance(expected[i])) << "place " << i;
    const Decoded ours = decode(sliced, queries), theirs = decode(whole, queries);
    for (size_t i = 0; i < ours.rows.size(); i++) ASSERT_EQ(ours.rows[i], theirs.rows[i]) << "number " << i;
  }
}

// Parts of 16 dimensions are compared by BLAS, whose sums differ in their last digits with the size of a block.
TEST(Writer, MakesTheCodesOfListsBlockByBlock) {
  Random random(36);
  const auto x = random.vectors(9000, kDim);
  for (const char* factory : {"IVF8,PQ1x6", "OPQ1,IVF8,PQ1x6", "PCA16,IVF8,SQ8"}) {
    SCOPED_TRACE(factory);
    Body whole = filled(factory, kDim, x), sliced;
    sliced.factory = factory;
    sliced.index = copy_index(*whole.index);
    sliced.index->reset();
    FairLock lock;
    ASSERT_EQ(append(sliced, lock, x, 9000), 9000);
    ASSERT_EQ(as_ivf(base_of(sliced.index.get()))->ntotal, 9000);
    ASSERT_NO_THROW(check_structure(*sliced.index, 9000, factory));
    const Decoded ours = decode(sliced, x), theirs = decode(whole, x);
    size_t other = 0;
    for (size_t i = 0; i < ours.rows.size(); i++) other += std::abs(ours.rows[i] - theirs.rows[i]) > 1e-4f ? 1 : 0;
    EXPECT_LT(other, ours.rows.size() / 1000);
  }
}

TEST(Writer, ReservesOnceSoThatSlicesCopyNothing) {
  Random random(33);
  const auto x = random.vectors(3000, kDim);
  for (const std::string factory : {"Flat", "HNSW8", "SQ8"}) {
    Body body = empty_trained(factory, std::vector<float>(x.begin(), x.begin() + 100 * kDim));
    FairLock lock;
    const Ticket ticket;
    Writer writer(body, lock, ticket, team());
    writer.reserve(3000, false);
    const uint8_t* before = all_codes(body.index.get())[0]->codes.data();
    writer.append(3000, x.data(), [&](int64_t, int64_t count) {
      for (int64_t i = 0; i < count; i++) body.rows.append(body.rows.rows());
    });
    EXPECT_EQ(all_codes(body.index.get())[0]->codes.data(), before) << factory;
  }
}

TEST(Writer, ACancelledAddKeepsWholeRowsOnly) {
  Random random(34);
  const auto x = random.vectors(6000, kDim);
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat", "IVF8,PQ4x4fs", "PCA8,Flat"}) {
    SCOPED_TRACE(factory);
    Body body = empty_trained(factory, std::vector<float>(x.begin(), x.begin() + 500 * kDim));
    FairLock lock;
    Ticket ticket;
    Writer writer(body, lock, ticket, team());
    writer.reserve(6000, false);
    int64_t committed = 0;
    const int64_t done = writer.append(6000, x.data(), [&](int64_t first, int64_t count) {
      EXPECT_EQ(first, committed);
      for (int64_t i = 0; i < count; i++) body.rows.append(body.rows.rows());
      committed += count;
      if (committed > 500) ticket.cancel();
    });
    EXPECT_EQ(done, committed);
    EXPECT_LT(done, 6000);
    EXPECT_EQ(body.index->ntotal, done);
    ASSERT_NO_THROW(check_structure(*body.index, done, factory));
    EXPECT_EQ(writer.append(100, x.data(), [](int64_t, int64_t) { FAIL() << "an aborted ticket adds nothing"; }), 0);
  }
}

TEST(Writer, ReadersSeeASoundIndexWhileItGrows) {
  Random random(35);
  const int64_t n = times(6000, 1200);
  const auto x = random.vectors(n, kDim);
  for (const std::string factory : {"HNSW8", "Flat", "IVF16,Flat", "IVF16,PQ4x4fs", "SQ8", "PCA8,HNSW8"}) {
    SCOPED_TRACE(factory);
    Body body = empty_trained(factory, std::vector<float>(x.begin(), x.begin() + 600 * kDim));
    const Shape shape(body.index.get());
    FairLock lock;
    std::atomic<bool> ended{false};
    std::atomic<int64_t> searches{0}, wrong{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; r++) {
      readers.emplace_back([&, r] {
        omp_set_num_threads(1);
        std::vector<int64_t> rows(10);
        std::vector<float> distances(10);
        Random own(350 + static_cast<uint64_t>(r));
        while (!ended || searches < 10) {
          const int64_t q = own.below(n);
          SharedHold hold(lock);
          Searcher(*body.index, shape, body.rows, nullptr)
              .search(1, x.data() + q * kDim, SearchOptions(), rows.data(), distances.data());
          for (int64_t i = 0; i < 10; i++) {
            if (rows[i] >= body.rows.rows() || (i > 0 && rows[i] >= 0 && distances[i] < distances[i - 1])) wrong++;
          }
          if (body.index->ntotal != body.rows.rows()) wrong++;
          searches++;
        }
      });
    }
    EXPECT_EQ(append(body, lock, x, 2500), n);
    ended = true;
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(searches, 0);
    ASSERT_NO_THROW(check_structure(*body.index, n, factory));
  }
}

TEST(Writer, RowsWithOneVectorManyTimesAreAllFound) {
  // Equal vectors are what breaks graphs most easily.
  std::vector<float> x(300 * kDim, 0.25f);
  Body body = empty_trained("HNSW8", std::vector<float>(16 * kDim, 0.0f));
  FairLock lock;
  ASSERT_EQ(append(body, lock, x, 100), 300);
  ASSERT_NO_THROW(check_structure(*body.index, 300, "the graph"));
  std::vector<int64_t> rows(10);
  std::vector<float> distances(10);
  body.index->search(1, x.data(), 10, distances.data(), rows.data());
  EXPECT_EQ(std::count(rows.begin(), rows.end(), -1), 0);
  EXPECT_EQ(distances[9], 0.0f);
}

}  // namespace

}  // namespace quiver::test
