#include "core/describe.h"
#include "core/faiss_file.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/index_io.h>
#include <faiss/invlists/OnDiskInvertedLists.h>

#include <fstream>

#include "core/compactor.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16, kRows = 400;

std::shared_ptr<Region> region_of(const faiss::Index& index) {
  faiss::VectorIOWriter writer;
  faiss::write_index(&index, &writer);
  auto region = Region::allocate(writer.data.size());
  std::copy(writer.data.begin(), writer.data.end(), region->writable());
  return region;
}

// The nearest neighbours of some vectors by plain FAISS.
std::vector<int64_t> nearest(const faiss::Index& index, const std::vector<float>& queries) {
  const auto n = static_cast<int64_t>(queries.size()) / kDim;
  std::vector<int64_t> labels(static_cast<size_t>(n * 5));
  std::vector<float> distances(labels.size());
  index.search(n, queries.data(), 5, distances.data(), labels.data());
  return labels;
}

std::vector<int64_t> nearest(const Body& body, const std::vector<float>& queries) {
  auto labels = nearest(*body.index, queries);
  for (auto& row : labels) row = row < 0 ? -1 : body.rows.id(row);
  return labels;
}

std::string reading(const faiss::Index& index, bool bigint_ids = false) {
  return code_of([&] { read_faiss(region_of(index), "The file", bigint_ids); });
}

TEST(FaissFile, GoesToPlainFaissAndBackInEveryKind) {
  Random random(171);
  const auto x = random.vectors(kRows, kDim), queries = random.vectors(8, kDim);
  for (const auto& factory : kinds()) {
    for (const bool named : {false, true}) {
      SCOPED_TRACE(factory + (named ? ", ids of its own" : ""));
      Body body = filled(factory, kDim, x);
      if (named) {
        body.rows = RowIds();
        for (int64_t i = 0; i < kRows; i++) body.rows.append(i * 1000003 + 7);
      }
      const auto expected = nearest(body, queries);
      MemorySink sink;
      write_faiss(body, sink, Ticket());
      const auto bytes = sink.take();
      // Plain FAISS reads it and gives the same ids.
      faiss::VectorIOReader reader;
      reader.data.assign(bytes.begin(), bytes.end());
      const std::unique_ptr<faiss::Index> plain(faiss::read_index(&reader));
      EXPECT_EQ(nearest(*plain, queries), expected);
      EXPECT_EQ(dynamic_cast<faiss::IndexIDMap2*>(plain.get()) != nullptr, named);
      // And we do.
      auto region = Region::allocate(bytes.size());
      std::copy(bytes.begin(), bytes.end(), region->writable());
      const Body back = read_faiss(region, "The file", false);
      EXPECT_EQ(nearest(back, queries), expected);
      EXPECT_EQ(back.rows.implicit(), !named);
      EXPECT_EQ(back.rows.next_id(), named ? (kRows - 1) * 1000003 + 8 : kRows);
    }
  }
}

TEST(FaissFile, TakesIdsFromMapsAndFromLists) {
  Random random(172);
  const auto x = random.vectors(kRows, kDim), queries = random.vectors(8, kDim);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < kRows; i++) ids.push_back((i * 7919) % 100003);
  faiss::IndexFlatL2 flat(kDim);
  faiss::IndexIDMap map(&flat);
  faiss::IndexIDMap2 map2(&flat);
  map.add_with_ids(kRows, x.data(), ids.data());
  EXPECT_EQ(nearest(read_faiss(region_of(map), "The file", false), queries), nearest(map, queries));
  flat.reset();
  map2.add_with_ids(kRows, x.data(), ids.data());
  EXPECT_EQ(nearest(read_faiss(region_of(map2), "The file", false), queries), nearest(map2, queries));
  for (const std::string factory : {"IVF8,Flat", "IVF8,PQ4x4fs", "PCA8,IVF8,Flat"}) {
    SCOPED_TRACE(factory);
    const auto lists = make_index(spec_of(factory, kDim));
    train_index(*lists, kRows, x.data(), Ticket());
    lists->add_with_ids(kRows, x.data(), ids.data());
    Body body = read_faiss(region_of(*lists), "The file", false);
    EXPECT_EQ(nearest(body, queries), nearest(*lists, queries));
    // The rows are numbered anew, in the order of the ids; reading back finds the vector of each.
    FairLock lock;
    map_rows(body.index.get(), lock);
    std::vector<float> got(kDim);
    reconstruct_row(*body.index, body.rows.find(ids[5]), got.data());
    if (factory != "IVF8,Flat") continue;  // the others decode to something near
    EXPECT_TRUE(std::equal(got.begin(), got.end(), x.begin() + 5 * kDim));
  }
}

TEST(FaissFile, AMapOfRowsInTheFileIsMadeAnew) {
  Random random(173);
  const auto x = random.vectors(kRows, kDim);
  // Python's make_direct_map() before write_index(), with ids that count and with others.
  for (const bool counting_ids : {true, false}) {
    faiss::IndexFlatL2 quantizer(kDim);
    faiss::IndexIVFFlat lists(&quantizer, kDim, 8);
    lists.train(kRows, x.data());
    std::vector<int64_t> ids = counting(kRows);
    if (!counting_ids) {
      for (auto& id : ids) id = id * 3 + 1;
    }
    lists.set_direct_map_type(counting_ids ? faiss::DirectMap::NoMap : faiss::DirectMap::Hashtable);
    if (counting_ids) {
      lists.add(kRows, x.data());
      lists.make_direct_map(true);
    } else {
      lists.add_with_ids(kRows, x.data(), ids.data());
    }
    Body body = read_faiss(region_of(lists), "The file", false);
    FairLock lock;
    map_rows(body.index.get(), lock);
    std::vector<float> got(kDim);
    for (int64_t i = 0; i < kRows; i++) {
      reconstruct_row(*body.index, body.rows.find(ids[static_cast<size_t>(i)]), got.data());
      ASSERT_TRUE(std::equal(got.begin(), got.end(), x.begin() + i * kDim)) << "id " << ids[static_cast<size_t>(i)];
    }
    // And a row that is added later has its place in it.
    own_memory(body.index.get(), lock);
    body.index->add(1, x.data());
    reconstruct_row(*body.index, kRows, got.data());
    EXPECT_TRUE(std::equal(got.begin(), got.end(), x.begin()));
  }
}

TEST(FaissFile, RefusesIdsThatQuiverCannotKeep) {
  const auto x = Random(174).vectors(3, kDim);
  auto with_ids = [&](const std::vector<int64_t>& ids, bool bigint) {
    faiss::IndexFlatL2 flat(kDim);
    faiss::IndexIDMap map(&flat);
    map.add_with_ids(3, x.data(), ids.data());
    return reading(map, bigint);
  };
  constexpr int64_t kSafe = (int64_t{1} << 53) - 1;
  EXPECT_EQ(with_ids({5, 6, 7}, false), "nothing");
  EXPECT_EQ(with_ids({5, 6, 5}, false), code::kExists);
  EXPECT_EQ(with_ids({5, -6, 7}, true), code::kRange);
  EXPECT_EQ(with_ids({5, kSafe, 7}, false), "nothing");
  EXPECT_EQ(with_ids({5, kSafe + 1, 7}, false), code::kRange);
  EXPECT_EQ(with_ids({5, kSafe + 1, 7}, true), "nothing");
}

TEST(FaissFile, RefusesTwoKindsOfIdsAndListsElsewhere) {
  Random random(175);
  const auto x = random.vectors(kRows, kDim);
  std::vector<int64_t> ids(static_cast<size_t>(kRows));
  for (int64_t i = 0; i < kRows; i++) ids[static_cast<size_t>(i)] = i * 2;
  faiss::IndexFlatL2 quantizer(kDim);
  faiss::IndexIVFFlat lists(&quantizer, kDim, 8);
  lists.train(kRows, x.data());
  lists.add_with_ids(kRows, x.data(), ids.data());
  faiss::IndexIDMap map;
  map.index = &lists;
  map.own_fields = false;
  map.d = kDim;
  map.ntotal = kRows;
  map.id_map = ids;
  EXPECT_EQ(reading(map), code::kUnsupported);
  const Folder folder;
  faiss::OnDiskInvertedLists disk(8, lists.code_size, folder.path("lists").c_str());
  disk.merge_from_1(lists.invlists);
  lists.replace_invlists(&disk, false);
  EXPECT_EQ(reading(lists), code::kUnsupported);
}

TEST(FaissFile, SaysWhatIsNoIndex) {
  const Folder folder;
  std::ofstream(folder.path("empty"));
  EXPECT_EQ(code_of([&] { read_region(folder.path("empty"), Ticket()); }), code::kCorrupt);
  EXPECT_EQ(code_of([&] { read_region(folder.path("none"), Ticket()); }), code::kNotFound);
  std::ofstream(folder.path("text")) << "this is no index, but long enough to be read as the start of one";
  EXPECT_EQ(code_of([&] { read_faiss(read_region(folder.path("text"), Ticket()), "The file", false); }),
            code::kCorrupt);
  Ticket gone;
  gone.cancel();
  EXPECT_EQ(code_of([&] { read_region(folder.path("text"), gone); }), code::kAborted);
}

TEST(FaissFile, ACutFileIsRefused) {
  const Body body = filled("Flat", kDim, Random(176).vectors(kRows, kDim));
  const auto whole = region_of(*body.index);
  for (const size_t size : {size_t{1}, size_t{4}, size_t{20}, whole->size() / 2, whole->size() - 1}) {
    auto part = Region::allocate(size);
    std::copy_n(whole->data(), size, part->writable());
    EXPECT_EQ(code_of([&] { read_faiss(part, "The file", false); }), code::kCorrupt) << size;
  }
}

TEST(FaissFile, DescribesWhatItFinds) {
  const std::pair<const char*, const char*> expected[] = {
      {"Flat", "Flat"},         {"HNSW16", "HNSW16,Flat"}, {"HNSW8,SQ8", "HNSW8,SQ8"}, {"IVF8,Flat", "IVF8,Flat"},
      {"SQ4", "SQ4"},           {"SQfp16", "SQfp16"},      {"PQ4x4", "PQ4x4"},         {"PCA8,Flat", "PCA8,Flat"},
      {"IVF8,SQ8", "IVF8,SQ8"},
  };
  for (const auto& [factory, description] : expected) {
    EXPECT_EQ(describe(make_index(spec_of(factory, kDim)).get()), description);
  }
}

// The vectors of such a file begin at an odd byte, and the index is a view of it.
TEST(FaissFile, CosineNeedsVectorsOfLengthOne) {
  auto x = Random(177).vectors(kRows, kDim);
  const auto checking = [&] {
    faiss::IndexFlatIP flat(kDim);
    flat.add(kRows, x.data());
    const Body body = read_faiss(region_of(flat), "The file", false);
    return code_of([&] { check_unit_length(body, "The file"); });
  };
  EXPECT_EQ(checking(), code::kArgument);
  normalize_vectors(kRows, kDim, x.data());
  EXPECT_EQ(checking(), "nothing");
}

TEST(FaissFile, KnowsTheMetric) {
  EXPECT_EQ(metric_of(make_index(spec_of("HNSW8", kDim)).get()), Metric::kL2);
  EXPECT_EQ(metric_of(make_index(spec_of("Flat", kDim, Metric::kCosine)).get()), Metric::kInnerProduct);
  EXPECT_EQ(metric_of(make_index(spec_of("Flat", kDim, Metric::kJaccard)).get()), Metric::kJaccard);
  faiss::IndexFlat other(kDim, faiss::METRIC_NaNEuclidean);
  EXPECT_EQ(code_of([&] { metric_of(&other); }), code::kUnsupported);
}

}  // namespace

}  // namespace quiver::test
