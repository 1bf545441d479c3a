// check_structure(): each number that a search, an add or a save believes, made wrong in an index that is sound.
#include "core/structure_check.h"

#include <faiss/IndexAdditiveQuantizer.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexIVFRaBitQ.h>
#include <faiss/IndexIVFSpectralHash.h>
#include <faiss/IndexLSH.h>
#include <faiss/IndexNSG.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/invlists/InvertedLists.h>

#include "core/structure.h"
#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;
constexpr int64_t kRows = 300;
const float kNaN = std::nanf("");

struct Lie {
  const char* name;
  std::function<void(faiss::Index&)> tell;
  const char* expected = code::kCorrupt;
};

// The index of that kind passes; with each lie alone it does not, and the message says more than the code.
template <typename T = faiss::Index>
void expect_refused(const std::string& factory, const std::vector<Lie>& lies) {
  const auto x = Random(401).vectors(kRows, kDim);
  for (const auto& lie : lies) {
    const Body body = filled(factory, kDim, x);
    ASSERT_NO_THROW(check_structure(*body.index, kRows, "The file")) << factory;
    lie.tell(*body.index);
    EXPECT_EQ(code_of([&] { check_structure(*body.index, body.index->ntotal, "The file"); }), lie.expected)
        << factory << ": " << lie.name;
  }
}

faiss::HNSW& graph_of(faiss::Index& index) {
  return as_hnsw(&index)->hnsw;
}
faiss::IndexIVF& lists_of(faiss::Index& index) {
  return *as_ivf(base_of(&index));
}
faiss::ArrayInvertedLists& arrays_of(faiss::Index& index) {
  return dynamic_cast<faiss::ArrayInvertedLists&>(*lists_of(index).invlists);
}
template <typename T>
T& as(faiss::Index& index) {
  return dynamic_cast<T&>(*base_of(&index));
}
faiss::LinearTransform& matrix_of(faiss::Index& index) {
  return dynamic_cast<faiss::LinearTransform&>(*dynamic_cast<faiss::IndexPreTransform&>(index).chain[0]);
}

// Puts something else, or nothing, in the place of a part that the index owns.
template <typename T>
void replace(T*& part, T* other = nullptr) {
  delete part;
  part = other;
}

// A row with at least one upper level.
size_t tall_row(const faiss::HNSW& hnsw) {
  for (size_t row = 0; row < hnsw.levels.size(); row++) {
    if (hnsw.levels[row] > 1) return row;
  }
  throw std::runtime_error("no row has an upper level");
}
size_t flat_row(const faiss::HNSW& hnsw) {
  return static_cast<size_t>(std::find(hnsw.levels.begin(), hnsw.levels.end(), 1) - hnsw.levels.begin());
}

TEST(StructureCheck, EveryKindPassesEmptyAndFilled) {
  const auto x = Random(402).vectors(kRows, kDim);
  std::vector<std::string> all = kinds();
  for (const char* more : {"RaBitQ", "IVF8,RaBitQ", "RQ3x4", "LSQ4x4", "PRQ2x2x4", "IVF8,RQ3x4", "IVF8_HNSW8,Flat",
                           "HNSW8,PQ4x4", "HNSW8,2x3+PQ4", "IMI2x3,PQ4x4", "IVF8,ITQ8,SHg", "RR16,LSH", "ITQ16,LSH",
                           "Pad20,Flat", "L2norm,SQfp16", "IVF8,PQ4+2", "IVF8(SQ8),Flat"}) {
    all.emplace_back(more);
  }
  for (const auto& factory : all) {
    const auto untrained = make_index(spec_of(factory, kDim));
    EXPECT_NO_THROW(check_structure(*untrained, 0, "The file")) << factory;
    const Body body = filled(factory, kDim, x);
    EXPECT_NO_THROW(check_structure(*body.index, kRows, "The file")) << factory;
    EXPECT_NO_THROW(check_stored_vectors(*body.index, "The file")) << factory;
    body.index->reset();
    EXPECT_NO_THROW(check_structure(*body.index, 0, "The file")) << factory << ", emptied";
  }
}

TEST(StructureCheck, EveryIndexHasRowsADimensionAndAMetric) {
  expect_refused("Flat", {
                             {"more rows", [](auto& i) { i.ntotal++; }},
                             {"fewer rows", [](auto& i) { i.ntotal--; }},
                             {"less than no rows", [](auto& i) { i.ntotal = -1; }},
                             {"2^40 rows", [](auto& i) { i.ntotal = int64_t{1} << 40; }},
                             {"no dimensions", [](auto& i) { i.d = 0; }},
                             {"another dimension", [](auto& i) { i.d = 15; }},
                             {"2^31 - 1 dimensions", [](auto& i) { i.d = std::numeric_limits<int>::max(); }},
                             {"not trained", [](auto& i) { i.is_trained = false; }},
                             {"no metric", [](auto& i) { i.metric_type = static_cast<faiss::MetricType>(99); },
                              code::kUnsupported},
                         });
  expect_refused("SQ8",
                 {{"a metric for flat only", [](auto& i) { i.metric_type = faiss::METRIC_L1; }, code::kUnsupported}});
  const auto flat = make_index(spec_of("Flat", kDim));
  EXPECT_EQ(code_of([&] { check_structure(*flat, 5, "The file"); }), code::kCorrupt) << "the caller knows better";
}

TEST(StructureCheck, GraphsLinkRowsThatExist) {
  const auto set_link = [](size_t place, int32_t link) {
    return [=](faiss::Index& i) { graph_of(i).neighbors[place] = link; };
  };
  expect_refused("HNSW16",
                 {
                     {"a link outside", set_link(3, kRows)},
                     {"a link far outside", set_link(3, std::numeric_limits<int32_t>::max())},
                     {"a negative link", set_link(3, -2)},
                     {"a gap", set_link(0, -1)},
                     {"an upper link to a lower row",
                      [](auto& i) {
                        auto& hnsw = graph_of(i);
                        const size_t row = tall_row(hnsw);
                        hnsw.neighbors[hnsw.offsets[row] + static_cast<size_t>(hnsw.cum_nneighbor_per_level[1])] =
                            static_cast<int32_t>(flat_row(hnsw));
                      }},
                     {"links cut", [](auto& i) { graph_of(i).neighbors.resize(graph_of(i).neighbors.size() - 1); }},
                     {"an offset moved", [](auto& i) { graph_of(i).offsets[5] += 8; }},
                     {"an offset far outside", [](auto& i) { graph_of(i).offsets[5] = ~size_t{0}; }},
                     {"offsets that begin late", [](auto& i) { graph_of(i).offsets[0] = 4; }},
                     {"offsets cut", [](auto& i) { graph_of(i).offsets.pop_back(); }},
                     {"levels cut", [](auto& i) { graph_of(i).levels.pop_back(); }},
                     {"a level of 0", [](auto& i) { graph_of(i).levels[7] = 0; }},
                     {"a level of 100", [](auto& i) { graph_of(i).levels[7] = 100; }},
                     {"a negative level", [](auto& i) { graph_of(i).levels[7] = -3; }},
                     {"an entry point outside", [](auto& i) { graph_of(i).entry_point = kRows; }},
                     {"no entry point", [](auto& i) { graph_of(i).entry_point = -1; }},
                     {"an entry point too low",
                      [](auto& i) { graph_of(i).entry_point = static_cast<int32_t>(flat_row(graph_of(i))); }},
                     {"a top level too high", [](auto& i) { graph_of(i).max_level = 50; }},
                     {"no top level", [](auto& i) { graph_of(i).max_level = -1; }},
                     {"no table of levels", [](auto& i) { graph_of(i).cum_nneighbor_per_level.clear(); }},
                     {"one level only", [](auto& i) { graph_of(i).cum_nneighbor_per_level.resize(1); }},
                     {"a table that goes back", [](auto& i) { graph_of(i).cum_nneighbor_per_level.back() = 1; }},
                     {"no chances for levels", [](auto& i) { graph_of(i).assign_probas.clear(); }},
                     {"more chances than levels", [](auto& i) { graph_of(i).assign_probas.resize(500); }},
                     {"a chance of NaN", [](auto& i) { graph_of(i).assign_probas[0] = kNaN; }},
                     {"endless search", [](auto& i) { graph_of(i).efSearch = std::numeric_limits<int>::max(); }},
                     {"no search", [](auto& i) { graph_of(i).efSearch = 0; }},
                     {"endless construction", [](auto& i) { graph_of(i).efConstruction = 1 << 21; }},
                 });
}

TEST(StructureCheck, GraphsLieOverVectorsThatCanBeCompared) {
  const auto replace_storage = [](faiss::Index* storage) {
    return [=](faiss::Index& i) { replace(as_hnsw(&i)->storage, storage); };
  };
  const auto made = [](const char* factory) {
    const auto x = Random(403).vectors(kRows, kDim);
    return filled(factory, kDim, x).index.release();
  };
  expect_refused("HNSW16", {
                               {"no storage", replace_storage(nullptr)},
                               {"an empty storage", replace_storage(new faiss::IndexFlatL2(kDim))},
                               {"another metric", replace_storage(new faiss::IndexFlatIP(kDim))},
                               {"lists", replace_storage(made("IVF8,Flat")), code::kUnsupported},
                               {"hashes", replace_storage(made("LSH")), code::kUnsupported},
                               {"PQ without its table", replace_storage(made("PQ4x4"))},
                           });
}

TEST(StructureCheck, ListsHoldEveryRowOnce) {
  expect_refused("IVF8,Flat",
                 {
                     {"a row outside", [](auto& i) { arrays_of(i).ids[0][0] = kRows; }},
                     {"a negative row", [](auto& i) { arrays_of(i).ids[0][0] = -1; }},
                     {"a row twice", [](auto& i) { arrays_of(i).ids[0][0] = arrays_of(i).ids[0][1]; }},
                     {"an entry too few", [](auto& i) { arrays_of(i).resize(0, arrays_of(i).ids[0].size() - 1); }},
                     {"ids cut", [](auto& i) { arrays_of(i).ids[0].resize(arrays_of(i).ids[0].size() - 1); }},
                     {"codes cut", [](auto& i) { arrays_of(i).codes[0].resize(arrays_of(i).codes[0].size() - 1); }},
                     {"fewer arrays than lists", [](auto& i) { arrays_of(i).ids.pop_back(); }},
                     {"codes of another size", [](auto& i) { arrays_of(i).code_size = 1; }},
                     {"codes of another size in the index", [](auto& i) { lists_of(i).code_size = 1; }},
                     {"codes of no size", [](auto& i) { arrays_of(i).code_size = lists_of(i).code_size = ~size_t{0}; }},
                     {"no probes", [](auto& i) { lists_of(i).nprobe = 0; }},
                     {"more lists", [](auto& i) { lists_of(i).nlist = 9; }},
                     {"no lists", [](auto& i) { lists_of(i).nlist = 0; }},
                     {"fewer centroids", [](auto& i) { lists_of(i).quantizer->reset(); }},
                     {"no quantizer", [](auto& i) { replace(lists_of(i).quantizer); }},
                     {"no lists at all", [](auto& i) { replace(lists_of(i).invlists); }},
                     {"an untrained quantizer", [](auto& i) { lists_of(i).quantizer->is_trained = false; }},
                     {"lists found by lists",
                      [](auto& i) {
                        replace(lists_of(i).quantizer,
                                filled("IVF2,Flat", kDim, Random(404).vectors(8, kDim)).index.release());
                      },
                      code::kUnsupported},
                 });
}

TEST(StructureCheck, ListsOfCodesFitTheirQuantizer) {
  expect_refused("IVF8,PQ4x4",
                 {
                     {"centroids cut", [](auto& i) { as<faiss::IndexIVFPQ>(i).pq.centroids.pop_back(); }},
                     {"a centroid of NaN", [](auto& i) { as<faiss::IndexIVFPQ>(i).pq.centroids[9] = kNaN; }},
                     {"more bits", [](auto& i) { as<faiss::IndexIVFPQ>(i).pq.nbits = 8; }},
                     {"other parts", [](auto& i) { as<faiss::IndexIVFPQ>(i).pq.M = 8; }},
                 });
  expect_refused("IVF8,SQ8", {{"no range", [](auto& i) { as<faiss::IndexIVFScalarQuantizer>(i).sq.trained.clear(); }}});
  expect_refused("IVF8,RaBitQ",
                 {
                     {"another metric",
                      [](auto& i) { as<faiss::IndexIVFRaBitQ>(i).rabitq.metric_type = faiss::METRIC_INNER_PRODUCT; }},
                     {"queries of 200 bits", [](auto& i) { as<faiss::IndexIVFRaBitQ>(i).qb = 200; }},
                     {"codes of another size", [](auto& i) { as<faiss::IndexIVFRaBitQ>(i).rabitq.code_size = 1; }},
                 });
  expect_refused("IVF8,ITQ8,SHg",
                 {
                     {"no period", [](auto& i) { as<faiss::IndexIVFSpectralHash>(i).period = 0; }},
                     {"more bits than the hash has", [](auto& i) { as<faiss::IndexIVFSpectralHash>(i).nbit = 64; }},
                     {"thresholds of centroids that are not there",
                      [](auto& i) {
                        as<faiss::IndexIVFSpectralHash>(i).threshold_type =
                            faiss::IndexIVFSpectralHash::Thresh_centroid;
                      }},
                 });
}

TEST(StructureCheck, BlocksOfFourBitCodesAreWhole) {
  const auto lists = [](faiss::Index& i) -> faiss::IndexIVFFastScan& { return as<faiss::IndexIVFFastScan>(i); };
  const auto blocks = [lists](faiss::Index& i) -> faiss::BlockInvertedLists& {
    return dynamic_cast<faiss::BlockInvertedLists&>(*lists(i).invlists);
  };
  expect_refused("IVF8,PQ4x4fs", {
                                     {"no block size", [=](auto& i) { lists(i).bbs = 0; }},
                                     {"a block of 33", [=](auto& i) { lists(i).bbs = 33; }},
                                     {"another block size", [=](auto& i) { lists(i).bbs = 64; }},
                                     {"more parts", [=](auto& i) { lists(i).M = 6; }},
                                     {"parts rounded otherwise", [=](auto& i) { lists(i).M2 = 8; }},
                                     {"codes of a list cut", [=](auto& i) { blocks(i).codes[0].resize(1); }},
                                     {"more vectors a block", [=](auto& i) { blocks(i).n_per_block = 1 << 20; }},
                                     {"lists cut", [=](auto& i) { blocks(i).codes.resize(3); }},
                                     {"a row twice", [=](auto& i) { blocks(i).ids[0][0] = blocks(i).ids[0][1]; }},
                                 });
  const auto scan = [](faiss::Index& i) -> faiss::IndexPQFastScan& { return as<faiss::IndexPQFastScan>(i); };
  expect_refused("PQ4x4fs", {
                                {"no block size", [=](auto& i) { scan(i).bbs = 0; }},
                                {"codes cut", [=](auto& i) { scan(i).codes.resize(8); }},
                                {"fewer rows in blocks", [=](auto& i) { scan(i).ntotal2 = 32; }},
                                {"more parts", [=](auto& i) { scan(i).M = 40; }},
                                {"eight bits", [=](auto& i) { scan(i).pq.nbits = 8; }},
                            });
}

TEST(StructureCheck, CodesFitTheirQuantizer) {
  expect_refused("PQ4x4", {
                              {"codes cut", [](auto& i) { as<faiss::IndexPQ>(i).codes.resize(10); }},
                              {"codes of no size", [](auto& i) { as<faiss::IndexPQ>(i).code_size = 0; }},
                              {"no parts", [](auto& i) { as<faiss::IndexPQ>(i).pq.M = 0; }},
                              {"30 bits", [](auto& i) { as<faiss::IndexPQ>(i).pq.nbits = 30; }},
                              {"another dimension", [](auto& i) { as<faiss::IndexPQ>(i).pq.d = 32; }},
                          });
  using SQ = faiss::IndexScalarQuantizer;
  expect_refused(
      "SQ8",
      {
          {"no kind", [](auto& i) { as<SQ>(i).sq.qtype = static_cast<faiss::ScalarQuantizer::QuantizerType>(77); }},
          {"half a range", [](auto& i) { as<SQ>(i).sq.trained.resize(kDim); }},
          {"a range of NaN", [](auto& i) { as<SQ>(i).sq.trained[0] = kNaN; }},
          {"another dimension", [](auto& i) { as<SQ>(i).sq.d = 8; }},
      });
  expect_refused("RR16,LSH", {
                                 {"more bits", [](auto& i) { as<faiss::IndexLSH>(i).nbits = 64; }},
                                 {"no bits", [](auto& i) { as<faiss::IndexLSH>(i).nbits = 0; }},
                                 {"no thresholds", [](auto& i) { as<faiss::IndexLSH>(i).train_thresholds = true; }},
                                 {"a rotation that was not made",
                                  [](auto& i) {
                                    as<faiss::IndexLSH>(i).rotate_data = true;
                                    as<faiss::IndexLSH>(i).rrot.is_trained = false;
                                  }},
                             });
  const auto rq = [](faiss::Index& i) -> faiss::ResidualQuantizer& { return as<faiss::IndexResidualQuantizer>(i).rq; };
  expect_refused(
      "RQ3x4",
      {
          {"codebooks cut", [=](auto& i) { rq(i).codebooks.pop_back(); }},
          {"more codebooks", [=](auto& i) { rq(i).M = 4; }},
          {"60 bits", [=](auto& i) { rq(i).nbits[0] = 60; }},
          {"no beam", [=](auto& i) { rq(i).max_beam_size = 0; }},
          {"norms in no known way",
           [=](auto& i) { rq(i).search_type = static_cast<faiss::AdditiveQuantizer::Search_type_t>(50); }},
          {"norms that are not there", [=](auto& i) { rq(i).search_type = faiss::AdditiveQuantizer::ST_norm_cqint8; }},
      });
  const auto lsq = [](faiss::Index& i) -> faiss::LocalSearchQuantizer& {
    return as<faiss::IndexLocalSearchQuantizer>(i).lsq;
  };
  expect_refused("LSQ4x4", {
                               {"rounds without an end", [=](auto& i) { lsq(i).encode_ils_iters = size_t{1} << 40; }},
                               {"no chunks", [=](auto& i) { lsq(i).chunk_size = 0; }},
                               {"other codebooks", [=](auto& i) { lsq(i).K = 256; }},
                           });
}

TEST(StructureCheck, TransformsFitEachOther) {
  const auto outer = [](faiss::Index& i) -> faiss::IndexPreTransform& {
    return dynamic_cast<faiss::IndexPreTransform&>(i);
  };
  expect_refused("PCA8,Flat", {
                                  {"a matrix cut", [](auto& i) { matrix_of(i).A.pop_back(); }},
                                  {"no matrix", [](auto& i) { matrix_of(i).A.clear(); }},
                                  {"a matrix of NaN", [](auto& i) { matrix_of(i).A[3] = kNaN; }},
                                  {"no offset", [](auto& i) { matrix_of(i).b.clear(); }},
                                  {"another input", [](auto& i) { matrix_of(i).d_in = 32; }},
                                  {"another output", [](auto& i) { matrix_of(i).d_out = 9; }},
                                  {"no output", [](auto& i) { matrix_of(i).d_out = 0; }},
                                  {"no transform", [=](auto& i) { replace(outer(i).chain[0]); }},
                                  {"not trained", [](auto& i) { matrix_of(i).is_trained = false; }},
                                  {"no index", [=](auto& i) { replace(outer(i).index); }},
                              });
  expect_refused("Pad20,Flat", {{"a dimension that is not there", [=](auto& i) {
                                   dynamic_cast<faiss::RemapDimensionsTransform&>(*outer(i).chain[0]).map[2] = 500;
                                 }}});
  expect_refused("ITQ16,LSH",
                 {{"no mean", [=](auto& i) { dynamic_cast<faiss::ITQTransform&>(*outer(i).chain[0]).mean.clear(); }}});
}

TEST(StructureCheck, RefinementsHaveTwoHalves) {
  const auto refine = [](faiss::Index& i) -> faiss::IndexRefine& { return dynamic_cast<faiss::IndexRefine&>(i); };
  expect_refused("SQ8,RFlat", {
                                  {"no first half", [=](auto& i) { replace(refine(i).base_index); }},
                                  {"no second half", [=](auto& i) { replace(refine(i).refine_index); }},
                                  {"a second half without rows", [=](auto& i) { refine(i).refine_index->reset(); }},
                                  {"a factor of NaN", [=](auto& i) { refine(i).k_factor = kNaN; }},
                                  {"a factor of 0", [=](auto& i) { refine(i).k_factor = 0; }},
                                  {"a factor of 10^9", [=](auto& i) { refine(i).k_factor = 1e9f; }},
                                  {"a second half that compares no rows",
                                   [=](auto& i) {
                                     replace(
                                         refine(i).refine_index,
                                         filled("IVF8,Flat", kDim, Random(405).vectors(kRows, kDim)).index.release());
                                   },
                                   code::kUnsupported},
                              });
}

TEST(StructureCheck, KindsThatCannotBeLookedOverAreSaidToBeUnknown) {
  const faiss::IndexNSGFlat nsg(kDim, 16);
  EXPECT_EQ(code_of([&] { check_structure(nsg, 0, "The file"); }), code::kUnsupported);
  const faiss::IndexHNSWCagra cagra(kDim, 16);
  EXPECT_EQ(code_of([&] { check_structure(cagra, 0, "The file"); }), code::kUnsupported);
}

TEST(StructureCheck, StoredVectorsMustBeNumbersThatCanBeCompared) {
  const auto x = Random(406).vectors(kRows, kDim);
  const auto poisoned = [&](const std::string& factory, float value, bool centroid) {
    const Body body = filled(factory, kDim, x);
    faiss::IndexFlatCodes* codes = nullptr;
    if (centroid) {
      codes = as_codes(lists_of(*body.index).quantizer);
    } else if (as_ivf(base_of(body.index.get())) != nullptr) {
      float* entries = reinterpret_cast<float*>(arrays_of(*body.index).codes[1].data());
      entries[5] = value;
      return code_of([&] { check_stored_vectors(*body.index, "The file"); });
    } else {
      codes = all_codes(body.index.get()).back();
    }
    reinterpret_cast<float*>(codes->codes.data())[37] = value;
    return code_of([&] { check_stored_vectors(*body.index, "The file"); });
  };
  for (const float value : {kNaN, std::numeric_limits<float>::infinity(), 3e38f, 1e20f}) {
    for (const char* factory : {"Flat", "HNSW16", "SQ8,RFlat", "PCA8,Flat", "IVF8,Flat"}) {
      EXPECT_EQ(poisoned(factory, value, false), code::kNotFinite) << factory << " " << value;
    }
    EXPECT_EQ(poisoned("IVF8,PQ4x4", value, true), code::kNotFinite) << value;
  }
  const Body body = filled("HNSW16,SQ8", kDim, x);
  dynamic_cast<faiss::IndexScalarQuantizer&>(*as_hnsw(body.index.get())->storage).sq.trained[kDim] = 3e38f;
  EXPECT_EQ(code_of([&] { check_stored_vectors(*body.index, "The file"); }), code::kNotFinite);
}

}  // namespace

}  // namespace quiver::test
