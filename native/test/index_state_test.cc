#include "core/index_state.h"

#include <fstream>
#include <thread>

#include "test/known_vectors.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;

TEST(IndexState, StatsTellWhatItIs) {
  const auto x = Random(181).vectors(400, kDim);
  Spec spec = spec_of("HNSW8", kDim);
  spec.ef_construction = 99;
  spec.ef_search = 33;
  const auto graph = IndexState::create(spec, false, "note");
  EXPECT_EQ(graph->note(), "note");
  add_to(graph, x);
  auto stats = graph->stats();
  EXPECT_EQ(stats->count, 400);
  EXPECT_EQ(stats->factory, "HNSW8");
  EXPECT_EQ(stats->kind, "HNSW");
  EXPECT_EQ(stats->m, 8);
  EXPECT_EQ(stats->ef_construction, 99);
  EXPECT_EQ(stats->ef_search, 33);
  EXPECT_TRUE(stats->trained);
  EXPECT_FALSE(stats->mapped);
  EXPECT_GE(stats->bytes, size_t{400 * (64 + 64)});
  const uint64_t generation = stats->generation;
  remove_from(graph, {1});
  stats = graph->stats();
  EXPECT_EQ(stats->count, 399);
  EXPECT_EQ(stats->deleted, 1);
  EXPECT_GT(stats->generation, generation);
  const auto lists = index_of("IVF8,Flat", kDim, x);
  on_strand(lists, [&] { lists->set_parameters(0, 0, 3); });
  EXPECT_EQ(lists->stats()->nlist, 8);
  EXPECT_EQ(lists->stats()->nprobe, 3);
}

TEST(IndexState, OnceFreedEveryCallSaysSo) {
  const Folder folder;
  const auto x = Random(182).vectors(300, kDim);
  const auto index = index_of("HNSW8", kDim, x);
  on_strand(index, [&] { index->free(); });
  EXPECT_EQ(index->count(), 0);
  EXPECT_EQ(index->stats()->bytes, 0u);
  auto reading = [&](auto&& call) { EXPECT_EQ(code_of(call), code::kClosed); };
  reading([&] { ask(*index, x, SearchOptions()); });
  reading([&] { index->range(1, x.data(), 1.0f, 0, nullptr); });
  reading([&] { index->has({1}); });
  reading([&] { index->ids(); });
  reading([&] { index->get({1}); });
  auto writing = [&](auto&& call) { EXPECT_EQ(code_of([&] { on_strand(index, call); }), code::kClosed); };
  writing([&] { index->prepare_get(); });
  writing([&] { index->train(staged(x, kDim), std::nullopt, Ticket()); });
  writing([&] { index->add(staged(x, kDim), std::nullopt, false, Ticket()); });
  writing([&] { index->remove({1}, Ticket()); });
  writing([&] { index->reset(); });
  writing([&] { index->set_parameters(1, 1, 1); });
  writing([&] { index->save(folder.path("a"), Ticket()); });
  writing([&] { index->to_bytes(Ticket()); });
  writing([&] { index->export_faiss(folder.path("a"), Ticket()); });
  writing([&] { index->export_faiss_bytes(Ticket()); });
  EXPECT_EQ(code_of([&] { rebuild_now(index); }), code::kClosed);
  EXPECT_TRUE(folder.names().empty());
  on_strand(index, [&] { index->free(); });  // again
}

TEST(IndexState, TheLastHandleIsTheLast) {
  const auto index = IndexState::create(spec_of("Flat", kDim), false, "");
  index->open_handle();
  index->open_handle();
  EXPECT_FALSE(index->close_handle());
  EXPECT_TRUE(index->close_handle());
}

TEST(IndexState, FreeWaitsForTheSearchesThatRun) {
  const auto x = Random(183).vectors(2000, kDim);
  for (int round = 0; round < 20; round++) {
    const auto index = index_of("Flat", kDim, x);
    std::atomic<int> searches{0}, closed{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; r++) {
      readers.emplace_back([&] {
        omp_set_num_threads(1);
        while (closed == 0) {
          const std::string end =
              code_of([&] { ask(*index, std::vector<float>(x.begin(), x.begin() + 5 * kDim), SearchOptions()); });
          searches++;
          if (end == code::kClosed) closed++;
        }
      });
    }
    while (searches < 3) std::this_thread::yield();
    on_strand(index, [&] { index->free(); });
    for (auto& reader : readers) reader.join();
  }
}

TEST(IndexState, QuietComesAfterAllBackgroundWork) {
  const auto x = Random(184).vectors(1000, kDim);
  const auto index = index_of("HNSW8", kDim, x);
  std::atomic<bool> rebuilt{false}, quiet{false};
  index->when_quiet([&] { quiet = true; });
  EXPECT_TRUE(quiet) << "at once when nothing is under way";
  std::promise<bool> end;
  index->rebuild(spec_of("Flat", kDim), std::make_shared<Ticket>(), [&](std::exception_ptr) { rebuilt = true; });
  index->when_quiet([&] { end.set_value(rebuilt); });
  EXPECT_TRUE(end.get_future().get());
}

TEST(IndexState, DamageThatIsFoundLaterEndsEveryCall) {
  const Folder folder;
  const auto x = Random(185).vectors(60000, kDim);
  {
    const auto index = index_of("Flat", kDim, x);
    on_strand(index, [&] { index->save(folder.path("a"), Ticket()); });
  }
  for (const bool damaged : {false, true}) {
    if (damaged) {
      std::fstream file(folder.path("a"), std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(2 << 20);
      const int before = file.get();
      file.seekp(2 << 20);
      file.put(static_cast<char>(before ^ 1));
    }
    Snapshot snapshot = Snapshot::open(folder.path("a"), true, Ticket());
    Loaded loaded = snapshot.load();
    const auto index = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
    index->verify_in_background(std::move(snapshot));
    settle(index);
    EXPECT_EQ(code_of([&] { index->has({1}); }), damaged ? code::kCorrupt : "nothing");
    EXPECT_EQ(code_of([&] { add_to(index, std::vector<float>(kDim, 1.0f)); }), damaged ? code::kCorrupt : "nothing");
  }
}

TEST(IndexState, TheFileMayGoAsSoonAsItIsOpenedOrReplaced) {
  const Folder folder;
  Random random(186);
  const auto x = random.vectors(500, kDim);
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat"}) {
    const auto original = index_of(factory, kDim, x);
    Known known(kDim);
    known.put(counting(500), x);
    on_strand(original, [&] { original->save(folder.path("a"), Ticket()); });
    Loaded loaded = Snapshot::open(folder.path("a"), true, Ticket()).load();
    const auto index = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
    // Saved over itself, and then gone.
    on_strand(index, [&] { index->save(folder.path("a"), Ticket()); });
    std::filesystem::remove(folder.path("a"));
    ASSERT_NO_FATAL_FAILURE(known.expect_same(index, random));
  }
}

}  // namespace

}  // namespace quiver::test
