// Indexes whose arrays are views of a file: nothing may write through them, and nothing may point into a file that
// went.
#include <fstream>

#include "core/file.h"
#include "core/mend.h"
#include "core/snapshot.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16, kRows = 600;

std::vector<std::string> all_kinds() {
  auto all = kinds();
  for (const char* more : {"RQ2x4", "IVF8,RQ2x4", "IVF8,PQ4x4fsr", "IVF8_HNSW8,Flat", "IVF8,PQ4x4fs,RFlat"}) {
    all.push_back(more);
  }
  return all;
}

// The mapped file is read-only: a write through a view of it ends the process.
struct Mapped {
  std::shared_ptr<IndexState> index;
  std::weak_ptr<Region> file;
};

Mapped mapped(const std::string& path) {
  Loaded loaded = Snapshot::open(path, true, Ticket()).load();
  Mapped result;
  result.file = loaded.body.region;
  result.index = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
  return result;
}

TEST(Views, EveryFirstWriteLeavesTheFileAlone) {
  const Folder folder;
  Random random(51);
  const auto x = random.vectors(kRows, kDim);
  const auto more = random.vectors(40, kDim);
  SearchOptions options;
  options.k = 5;
  const std::vector<std::function<void(IndexState&)>> writes = {
      [&](IndexState& index) { index.add(staged(more, kDim), std::nullopt, false, Ticket()); },
      [&](IndexState& index) { index.add(staged(more, kDim), counting(40), false, Ticket()); },
      [&](IndexState& index) { index.remove({0, 7, kRows - 1}, Ticket()); },
      [&](IndexState& index) { index.reset(); },
  };
  for (const auto& factory : all_kinds()) {
    SCOPED_TRACE(factory);
    auto made = IndexState::from_body(filled(factory, kDim, x), SnapshotInfo{spec_of(factory, kDim), false, 0, ""});
    on_strand(made, [&] { return made->save(folder.path("a"), Ticket()); });
    const Answer before = ask(*made, more, options);
    for (const auto& write : writes) {
      const auto [index, file] = mapped(folder.path("a"));
      EXPECT_EQ(ask(*index, more, options).distances, before.distances);
      on_strand(index, [&, state = index.get()] { write(*state); });
      on_strand(index, [&, state = index.get()] { state->add(staged(more, kDim), std::nullopt, false, Ticket()); });
      EXPECT_TRUE(file.expired()) << "after an add nothing needs the file";
      ask(*index, more, options);
      settle(index);
    }
    EXPECT_EQ(ask(*mapped(folder.path("a")).index, more, options).distances, before.distances);
  }
}

TEST(Views, DamageIsNotWrittenOutAgainBeforeItIsFound) {
  const Folder folder;
  Random random(52);
  const auto x = random.vectors(40000, kDim);
  auto made = IndexState::from_body(filled("Flat", kDim, x), SnapshotInfo{spec_of("Flat", kDim), false, 0, ""});
  on_strand(made, [&] { return made->save(folder.path("a"), Ticket()); });
  {
    std::fstream file(folder.path("a"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2000000);
    file.put(static_cast<char>(file.peek() ^ 1));
  }
  Snapshot snapshot = Snapshot::open(folder.path("a"), true, Ticket());
  ASSERT_NO_THROW(snapshot.verify(2, true, Ticket())) << "it lies among the vectors";
  Loaded loaded = snapshot.load();
  auto index = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
  // The lane that checks is kept busy, so that the save comes first.
  std::promise<void> go;
  auto gate = std::make_shared<std::shared_future<void>>(go.get_future().share());
  for (int i = 0; i < 2; i++) Executor::instance().post_bulk(make_task([gate] { gate->wait(); }));
  index->verify_in_background(std::move(snapshot));
  EXPECT_EQ(code_of([&] { index->to_bytes(Ticket()); }), code::kCorrupt);
  EXPECT_EQ(code_of([&] { index->export_faiss(folder.path("b"), Ticket()); }), code::kCorrupt);
  EXPECT_EQ(code_of([&] { index->save(folder.path("b"), Ticket()); }), code::kCorrupt);
  go.set_value();
  settle(index);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(Mend, ListsOverResidualsVisitAsManyAsASearchAsksFor) {
  Random random(53);
  const auto x = random.vectors(2000, kDim);
  const auto queries = random.vectors(30, kDim);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    for (const std::string factory : {"IVF16,PQ4x4fsr", "IVF16,PQ4x4fsr,RFlat", "PCA8,IVF16,PQ4x4fsr"}) {
      SCOPED_TRACE(factory);
      auto made = filled(factory, kDim, x, metric);
      const Shape shape(made.index.get());
      for (const int nprobe : {1, 3, 16}) {
        SearchOptions asked, own;
        asked.k = own.k = 5;
        asked.nprobe = nprobe;
        std::vector<int64_t> rows(150), expected_rows(150);
        std::vector<float> distances(150), expected(150);
        set_parameters(made.index.get(), 0, 0, 2);
        Searcher(*made.index, shape, made.rows, nullptr)
            .search(30, queries.data(), asked, rows.data(), distances.data());
        set_parameters(made.index.get(), 0, 0, nprobe);
        Searcher(*made.index, shape, made.rows, nullptr)
            .search(30, queries.data(), own, expected_rows.data(), expected.data());
        EXPECT_EQ(distances, expected);
        EXPECT_EQ(rows, expected_rows);
      }
    }
  }
}

}  // namespace

}  // namespace quiver::test
