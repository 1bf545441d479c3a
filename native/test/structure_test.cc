#include "core/structure.h"

#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/index_io.h>

#include "core/guarded_reader.h"
#include "core/structure_check.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16, kRows = 300;

// An index as one that was opened from a file: what can be a view of the bytes is one. They begin at an odd address,
// since FAISS's format puts its numbers anywhere.
struct Opened {
  std::vector<uint8_t> bytes;
  std::unique_ptr<faiss::Index> index;

  explicit Opened(const faiss::Index& original) {
    faiss::VectorIOWriter writer;
    faiss::write_index(&original, &writer);
    bytes.assign(1, 0);
    bytes.insert(bytes.end(), writer.data.begin(), writer.data.end());
    index = read_guarded(bytes.data() + 1, bytes.size() - 1, "the bytes");
  }
};

std::vector<float> answers(const faiss::Index& index, const std::vector<float>& queries) {
  const auto n = static_cast<int64_t>(queries.size()) / kDim;
  std::vector<int64_t> rows(static_cast<size_t>(n * 5));
  std::vector<float> distances(rows.size());
  index.search(n, queries.data(), 5, distances.data(), rows.data());
  for (int64_t row : rows) distances.push_back(static_cast<float>(row));
  return distances;
}

TEST(Structure, NamesKinds) {
  const std::pair<const char*, const char*> expected[] = {
      {"Flat", "Flat"},       {"HNSW16", "HNSW"},    {"HNSW16,SQ8", "HNSW"},     {"IVF8,Flat", "IVF"},
      {"SQ8", "SQ"},          {"PQ4x4", "PQ"},       {"PQ4x4fs", "FastScan"},    {"IVF8,PQ4x4fs", "IVF FastScan"},
      {"LSH", "LSH"},         {"PCA8,Flat", "Flat"}, {"OPQ4,IVF8,PQ4x4", "IVF"}, {"SQ8,RFlat", "SQ"},
      {"PCA8,HNSW8", "HNSW"},
  };
  for (const auto& [factory, kind] : expected) {
    EXPECT_EQ(kind_of(make_index(spec_of(factory, kDim)).get()), kind) << factory;
  }
}

TEST(Structure, ShapeTellsWhatASearchAsks) {
  for (const auto& factory : kinds()) {
    const auto index = make_index(spec_of(factory, kDim));
    const Shape shape(index.get());
    EXPECT_EQ(shape.base, base_of(index.get())) << factory;
    EXPECT_EQ(shape.graph != nullptr, factory.find("HNSW") != std::string::npos) << factory;
    EXPECT_EQ(shape.lists != nullptr, factory.find("IVF") != std::string::npos) << factory;
    EXPECT_EQ(shape.refined, factory.find("RFlat") != std::string::npos) << factory;
    EXPECT_EQ(shape.plain, factory == "Flat" || factory == "SQ8" || factory == "PQ4x4" || factory == "LSH") << factory;
  }
}

TEST(Structure, OnlyNestsOfArraysLetRowsMove) {
  const std::pair<const char*, size_t> expected[] = {
      {"Flat", 1},   {"SQ8", 1},       {"PQ4x4", 1},   {"LSH", 1},       {"PCA8,Flat", 1},  {"SQ8,RFlat", 2},
      {"HNSW16", 0}, {"IVF8,Flat", 0}, {"PQ4x4fs", 0}, {"HNSW8,SQ8", 0}, {"PCA8,HNSW8", 0}, {"IVF8,PQ4x4,RFlat", 0}};
  for (const auto& [factory, arrays] : expected) {
    EXPECT_EQ(movable_codes(make_index(spec_of(factory, kDim)).get()).size(), arrays) << factory;
  }
  EXPECT_EQ(all_codes(make_index(spec_of("HNSW8,SQ8", kDim)).get()).size(), 1u) << "also below graphs";
}

TEST(Structure, OnlyWholeVectorsLearnNothing) {
  for (const auto& factory : kinds()) {
    const bool whole = factory == "Flat" || factory == "HNSW16";
    EXPECT_EQ(learns_nothing(make_index(spec_of(factory, kDim)).get()), whole) << factory;
  }
}

TEST(Structure, CountsTheBytesThatVectorsTake) {
  const auto x = Random(81).vectors(kRows, kDim);
  const std::pair<const char*, size_t> a_row[] = {{"Flat", 64}, {"SQ8", 16}, {"PQ4x4", 2}, {"IVF8,Flat", 72}};
  for (const auto& [factory, bytes] : a_row) {
    const Body body = filled(factory, kDim, x);
    const Body none = filled(factory, kDim, x);
    none.index->reset();
    EXPECT_EQ(bytes_of(body.index.get()) - bytes_of(none.index.get()), bytes * kRows) << factory;
    EXPECT_EQ(bytes_a_row(body.index.get()), bytes) << factory;
  }
  const Body graph = filled("HNSW16", kDim, x);
  EXPECT_GE(bytes_of(graph.index.get()), size_t{kRows} * (64 + 2 * 16 * 4));
  EXPECT_GE(bytes_a_row(graph.index.get()), size_t{64 + 2 * 16 * 4});
}

TEST(Structure, ViewsBecomeMemoryOfItsOwnWithoutAChange) {
  Random random(82);
  const auto x = random.vectors(kRows, kDim), queries = random.vectors(4, kDim);
  for (const auto& factory : kinds()) {
    SCOPED_TRACE(factory);
    const Body body = filled(factory, kDim, x);
    const auto before = answers(*body.index, queries);
    Opened opened(*body.index);
    EXPECT_EQ(answers(*opened.index, queries), before);
    EXPECT_FALSE(has_views(body.index.get()));
    FairLock lock;
    own_memory(opened.index.get(), lock);
    EXPECT_FALSE(has_views(opened.index.get()));
    if (!views_are_known(opened.index.get())) continue;
    // Nothing reads the bytes any more: AddressSanitizer would tell.
    std::vector<uint8_t>().swap(opened.bytes);
    EXPECT_EQ(answers(*opened.index, queries), before);
    opened.index->add(1, x.data());
    EXPECT_EQ(opened.index->ntotal, kRows + 1);
  }
}

TEST(Structure, DroppedViewsLeaveAnIndexThatCanBeEmptied) {
  const auto x = Random(83).vectors(kRows, kDim);
  for (const auto& factory : kinds()) {
    SCOPED_TRACE(factory);
    const Body body = filled(factory, kDim, x);
    Opened opened(*body.index);
    drop_views(opened.index.get());
    opened.index->reset();
    EXPECT_EQ(opened.index->ntotal, 0);
  }
}

TEST(Structure, ReadingBackWorksAfterTheMend) {
  const auto x = Random(84).vectors(kRows, kDim);
  for (const std::string factory : {"IVF8,PQ4x4fs", "OPQ4,IVF8,PQ4x4fs"}) {
    const Body body = filled(factory, kDim, x);
    Opened opened(*body.index);
    FairLock lock;
    map_rows(opened.index.get(), lock);
    std::vector<float> back(kDim);
    for (int64_t row = 0; row < kRows; row++) reconstruct_row(*opened.index, row, back.data());
    EXPECT_TRUE(std::all_of(back.begin(), back.end(), [](float value) { return std::isfinite(value); }));
  }
}

TEST(Structure, TheMapOfRowsIsMadeOnceAndKeptByAdds) {
  const auto x = Random(85).vectors(kRows, kDim);
  for (const std::string factory : {"IVF8,Flat", "PCA8,IVF8,Flat", "IVF8,PQ4x4fs"}) {
    SCOPED_TRACE(factory);
    Body body = filled(factory, kDim, x);
    auto* lists = as_ivf(base_of(body.index.get()));
    FairLock lock;
    map_rows(body.index.get(), lock);
    ASSERT_EQ(lists->direct_map.array.size(), size_t{kRows});
    map_rows(body.index.get(), lock);
    body.index->add(50, x.data());
    ASSERT_EQ(lists->direct_map.array.size(), size_t{kRows + 50});
    std::vector<float> first(kDim), again(kDim);
    reconstruct_row(*body.index, 3, first.data());
    reconstruct_row(*body.index, kRows + 3, again.data());
    EXPECT_EQ(first, again);
  }
  Body flat = filled("Flat", kDim, x);
  FairLock lock;
  map_rows(flat.index.get(), lock);  // nothing to do
}

TEST(Structure, CutRowsTakesAFailedAddBack) {
  const auto x = Random(86).vectors(kRows, kDim);
  for (const std::string factory : {"Flat", "SQ8,RFlat", "PCA8,Flat", "HNSW8"}) {
    SCOPED_TRACE(factory);
    Body body = filled(factory, kDim, std::vector<float>(x.begin(), x.begin() + 100 * kDim));
    const auto before = answers(*body.index, std::vector<float>(x.begin(), x.begin() + kDim));
    // As far as an add had come when it failed: the first array has the rows, the tables of a graph too.
    all_codes(body.index.get())[0]->add(20, x.data());
    if (auto* graph = as_hnsw(body.index.get())) graph->hnsw.prepare_level_tab(20);
    cut_rows(body.index.get(), 100);
    ASSERT_NO_THROW(check_structure(*body.index, 100, factory));
    EXPECT_EQ(answers(*body.index, std::vector<float>(x.begin(), x.begin() + kDim)), before);
    body.index->add(20, x.data());
    ASSERT_NO_THROW(check_structure(*body.index, 120, factory));
  }
}

}  // namespace

}  // namespace quiver::test
