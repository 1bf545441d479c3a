#include "core/training.h"

#include <faiss/IndexIVF.h>
#include <faiss/IndexPreTransform.h>

#include "core/compactor.h"
#include "core/structure.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

// What a kind has learnt, seen from outside: how it keeps vectors.
std::vector<float> decoded(faiss::Index& index, const std::vector<float>& x) {
  const auto n = static_cast<int64_t>(x.size()) / kDim;
  index.add(n, x.data());
  if (auto* lists = as_ivf(base_of(&index))) lists->make_direct_map(true);
  std::vector<float> back(x.size());
  for (int64_t row = 0; row < n; row++) reconstruct_row(index, row, back.data() + row * kDim);
  if (auto* lists = as_ivf(base_of(&index))) lists->make_direct_map(false);
  index.reset();
  return back;
}

double error_between(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum;
}

std::vector<float> moved(std::vector<float> x, float by) {
  for (auto& value : x) value += by;
  return x;
}

TEST(Training, ASecondOneIsAsGoodAsAFirst) {
  Random random(71);
  const auto here = random.vectors(800, kDim), there = moved(random.vectors(800, kDim), 50);
  for (const std::string factory :
       {"IVF8,PQ4x4", "PQ4x4", "SQ8", "HNSW8,SQ8", "IVF8,SQ8", "PQ4x4fs", "IVF8,PQ4x4fs", "PCA8,SQ8", "OPQ4,PQ4x4",
        "PCA8,IVF8,SQ8", "SQ8,RFlat", "PCA8,Flat", "IVF8,PQ4x4,RFlat"}) {
    SCOPED_TRACE(factory);
    const auto fresh = make_index(spec_of(factory, kDim)), again = make_index(spec_of(factory, kDim));
    train_index(*fresh, 800, there.data(), Ticket());
    train_index(*again, 800, here.data(), Ticket());
    forget_training(again.get());
    train_index(*again, 800, there.data(), Ticket());
    EXPECT_TRUE(again->is_trained);
    const double first = error_between(decoded(*fresh, there), there);
    const double second = error_between(decoded(*again, there), there);
    EXPECT_LE(second, first * 1.2 + 1e-3) << "it kept what it had learnt from other vectors";
  }
}

TEST(Training, ForgettingLeavesWholeVectorsReady) {
  for (const std::string factory : {"Flat", "HNSW8", "HNSW8,Flat"}) {
    const auto index = make_index(spec_of(factory, kDim));
    forget_training(index.get());
    EXPECT_TRUE(index->is_trained) << factory;
  }
  const auto lists = make_index(spec_of("IVF8,Flat", kDim));
  const auto x = Random(72).vectors(400, kDim);
  train_index(*lists, 400, x.data(), Ticket());
  forget_training(lists.get());
  EXPECT_FALSE(lists->is_trained);
}

TEST(Training, ACancelledOneEnds) {
  const auto x = Random(73).vectors(5000, kDim);
  for (const std::string factory : {"IVF64,Flat", "PQ8"}) {
    const auto index = make_index(spec_of(factory, kDim));
    Ticket ticket;
    ticket.cancel();
    EXPECT_EQ(code_of([&] { train_index(*index, 5000, x.data(), ticket); }), code::kAborted) << factory;
    // The next call on this thread is another one.
    EXPECT_EQ(code_of([&] { train_index(*index, 5000, x.data(), Ticket()); }), "nothing") << factory;
    EXPECT_TRUE(index->is_trained);
  }
}

TEST(Training, SaysWhatFaissCouldNotLearnFrom) {
  const auto x = Random(74).vectors(5, kDim);
  const auto index = make_index(spec_of("PQ4", kDim));
  EXPECT_EQ(code_of([&] { train_index(*index, 5, x.data(), Ticket()); }), code::kFaiss);
}

TEST(Training, PrintsNothingAboutSmallSamples) {
  const auto x = Random(75).vectors(300, kDim);
  for (const std::string factory : {"IVF8,PQ4", "PQ4", "OPQ4,PQ4", "OPQ4,IVF8,PQ4", "HNSW8,PQ4", "IVF8,PQ4,RFlat"}) {
    const auto index = make_index(spec_of(factory, kDim));
    ::testing::internal::CaptureStderr();
    ::testing::internal::CaptureStdout();
    train_index(*index, 300, x.data(), Ticket());
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << factory;
    EXPECT_EQ(::testing::internal::GetCapturedStdout(), "") << factory;
  }
}

}  // namespace

}  // namespace quiver::test
