#include "core/mend.h"

#include <faiss/IndexFastScan.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>

#include "core/compactor.h"
#include "core/reach.h"
#include "core/structure.h"
#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

const faiss::LinearTransform& matrix_of(const faiss::Index& index) {
  return dynamic_cast<const faiss::LinearTransform&>(*dynamic_cast<const faiss::IndexPreTransform&>(index).chain[0]);
}

// FAISS looks at a matrix before it has read its sizes, and takes every one for a rotation: a vector behind a whitening
// would come back as another one.
TEST(Mend, AMatrixIsARotationOnlyWhenItIs) {
  const auto x = Random(601).vectors(300, kDim);
  for (const auto& [factory, rotation] : {std::pair{"PCA8,Flat", true}, std::pair{"PCAW8,Flat", false},
                                          std::pair{"RR16,Flat", true}, std::pair{"RR24,Flat", false}}) {
    const Body body = filled(factory, kDim, x);
    EXPECT_EQ(matrix_of(*copy_index(*body.index)).is_orthonormal, rotation) << factory << ", read back";
  }
}

TEST(Mend, WhichRoutineSearchesIsNotForTheFileToSay) {
  const auto x = Random(602).vectors(300, kDim);
  const Body scan = filled("PQ4x4fs", kDim, x), lists = filled("IVF8,PQ4x4fs", kDim, x), pq = filled("PQ4x4", kDim, x);
  auto& four_bits = dynamic_cast<faiss::IndexFastScan&>(*scan.index);
  four_bits.implem = 4;  // an experiment of FAISS's authors, without what it needs
  four_bits.qbs = 0x777;
  dynamic_cast<faiss::IndexPQ&>(*pq.index).search_type = faiss::IndexPQ::ST_SDC;
  lists.index->is_trained = true;
  for (const Body* body : {&scan, &lists, &pq}) {
    const auto copy = copy_index(*body->index);
    std::vector<int64_t> rows(50);
    std::vector<float> distances(50);
    EXPECT_NO_THROW(copy->search(5, x.data(), 10, distances.data(), rows.data()));
  }
}

TEST(Mend, AMapOfRowsIsNotBelieved) {
  const Body body = filled("IVF8,Flat", kDim, Random(603).vectors(300, kDim));
  auto* lists = as_ivf(body.index.get());
  lists->make_direct_map(true);
  for (auto& entry : lists->direct_map.array) entry = int64_t{1} << 60;
  EXPECT_TRUE(as_ivf(copy_index(*body.index).get())->direct_map.no());
}

TEST(Reach, IsWhatATransformLeavesOfTheLimit) {
  const auto x = Random(604).vectors(300, kDim);
  EXPECT_DOUBLE_EQ(squared_norm_limit(*filled("Flat", kDim, x).index), kMaxSquaredNorm);
  EXPECT_DOUBLE_EQ(squared_norm_limit(*filled("IVF8,Flat", kDim, x).index), kMaxSquaredNorm);
  EXPECT_NEAR(squared_norm_limit(*filled("RR16,Flat", kDim, x).index) / kMaxSquaredNorm, 1, 0.05);
  EXPECT_DOUBLE_EQ(squared_norm_limit(*filled("L2norm,Flat", kDim, x).index), kMaxSquaredNorm);
  // Whitening what varies by a thousandth lengthens vectors a hundredfold: FAISS divides by sums, not by means.
  auto small = x;
  for (auto& value : small) value *= 1e-3f;
  const double limit = squared_norm_limit(*filled("PCAW8,Flat", kDim, small).index);
  EXPECT_LT(limit, kMaxSquaredNorm * 1e-3);
  EXPECT_GT(limit, kMaxSquaredNorm * 1e-9);
  const double behind = squared_norm_limit(*filled("PCAW8,SQ8,RFlat", kDim, small).index);
  EXPECT_LE(behind, limit * 1.01) << "a refinement in front of it changes nothing";
}

// FAISS's lists end the process over distances that overflow, and a transform makes long vectors longer.
TEST(Reach, WhatWouldOverflowBehindATransformIsRefused) {
  auto x = Random(605).vectors(300, kDim);
  for (auto& value : x) value *= 1e-3f;
  const auto index = IndexState::create(spec_of("PCAW8,IVF8,Flat", kDim), false, "");
  index->train(staged(x, kDim), std::nullopt, Ticket());
  index->add(staged(x, kDim), std::nullopt, false, Ticket());
  std::vector<float> far(static_cast<size_t>(24 * kDim), 1e17f);
  EXPECT_EQ(code_of([&] { index->add(staged(far, kDim), std::nullopt, false, Ticket()); }), code::kNotFinite);
  SearchOptions options;
  options.k = 5;
  std::vector<int64_t> ids(24 * 5);
  std::vector<float> distances(ids.size());
  EXPECT_EQ(code_of([&] { index->search(24, far.data(), options, ids.data(), distances.data()); }), code::kNotFinite);
  EXPECT_EQ(code_of([&] { index->range(24, far.data(), 1, 0, nullptr); }), code::kNotFinite);
  EXPECT_NO_THROW(index->search(24, x.data(), options, ids.data(), distances.data()));
  EXPECT_EQ(ids[0], 0);
}

}  // namespace

}  // namespace quiver::test
