#include "core/snapshot.h"

#include <fstream>

#include "core/checksum.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;
constexpr size_t kHeader = 4096, kBlock = 1 << 20;

std::vector<uint8_t> written(const Body& body, const SnapshotInfo& info, const Ticket& ticket = Ticket()) {
  MemorySink sink;
  write_snapshot(body, info, sink, ticket);
  return sink.take();
}

SnapshotInfo info_of(const std::string& factory, Metric metric = Metric::kL2) {
  SnapshotInfo info;
  info.spec = spec_of(factory, kDim, metric);
  info.bigint_ids = true;
  info.generation = 77;
  info.note = "{\"note\":true}";
  return info;
}

std::shared_ptr<Region> region_of(const std::vector<uint8_t>& bytes) {
  auto region = Region::allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), region->writable());
  return region;
}

void put(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Whether the whole way of opening takes the bytes.
std::string opening(const std::vector<uint8_t>& bytes) {
  return code_of([&] {
    const Snapshot snapshot = Snapshot::from_region(region_of(bytes));
    snapshot.verify(team(), false, Ticket());
    snapshot.load();
  });
}

std::vector<float> answers(const Body& body, const std::vector<float>& queries) {
  const auto n = static_cast<int64_t>(queries.size()) / kDim;
  std::vector<int64_t> rows(static_cast<size_t>(n * 5));
  std::vector<float> distances(rows.size());
  const Shape shape(body.index.get());
  SearchOptions options;
  options.k = 5;
  Searcher(*body.index, shape, body.rows, nullptr).search(n, queries.data(), options, rows.data(), distances.data());
  for (int64_t row : rows) distances.push_back(row < 0 ? -1.0f : static_cast<float>(body.rows.id(row)));
  return distances;
}

TEST(Snapshot, GivesEveryKindBackFromMemoryAndMapped) {
  const Folder folder;
  Random random(161);
  const auto x = random.vectors(600, kDim), queries = random.vectors(6, kDim);
  for (const auto& factory : kinds()) {
    for (const bool named : {false, true}) {
      SCOPED_TRACE(factory + (named ? ", ids of its own" : ""));
      Body body = filled(factory, kDim, x);
      if (named) {
        body.rows = RowIds();
        for (int64_t i = 0; i < 600; i++) body.rows.append(i * 1000003);
      }
      for (int64_t row : {0, 63, 64, 599}) body.rows.kill(row);
      const auto before = answers(body, queries);
      put(folder.path("a"), written(body, info_of(factory)));
      for (const bool map : {false, true}) {
        const Snapshot snapshot = Snapshot::open(folder.path("a"), map, Ticket());
        snapshot.verify(team(), false, Ticket());
        const Loaded loaded = snapshot.load();
        EXPECT_EQ(answers(loaded.body, queries), before);
        EXPECT_EQ(loaded.body.factory, factory);
        EXPECT_EQ(loaded.body.region->mapped(), map);
        EXPECT_EQ(loaded.body.rows.rows(), 600);
        EXPECT_EQ(loaded.body.rows.live(), 596);
        EXPECT_EQ(loaded.body.rows.implicit(), !named);
        EXPECT_EQ(loaded.body.rows.next_id(), body.rows.next_id());
        EXPECT_EQ(loaded.info.spec.factory, factory);
        EXPECT_EQ(loaded.info.spec.dim, kDim);
        EXPECT_EQ(loaded.info.generation, 77u);
        EXPECT_EQ(loaded.info.note, "{\"note\":true}");
        EXPECT_TRUE(loaded.info.bigint_ids);
      }
    }
  }
}

TEST(Snapshot, GivesAnEmptyOneBack) {
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat"}) {
    Body body;
    body.factory = factory;
    body.index = make_index(spec_of(factory, kDim, Metric::kCosine));
    SnapshotInfo info = info_of(factory, Metric::kCosine);
    info.note.clear();
    const Snapshot snapshot = Snapshot::from_region(region_of(written(body, info)));
    const Loaded loaded = snapshot.load();
    EXPECT_EQ(loaded.body.index->ntotal, 0);
    EXPECT_EQ(loaded.body.index->is_trained, factory[0] != 'I');
    EXPECT_EQ(loaded.info.spec.metric, Metric::kCosine);
    EXPECT_EQ(loaded.info.note, "");
  }
}

TEST(Snapshot, EveryChangedBitIsSeen) {
  Random random(162);
  const Body body = filled("HNSW8", kDim, random.vectors(300, kDim));
  const auto bytes = written(body, info_of("HNSW8"));
  EXPECT_EQ(opening(bytes), "nothing");
  for (int64_t i = 0; i < times(3000, 400); i++) {
    auto damaged = bytes;
    // Every second one in the header, which is small.
    const auto at =
        static_cast<size_t>(i % 2 == 0 ? random.below(kHeader) : random.below(static_cast<int64_t>(bytes.size())));
    damaged[at] ^= static_cast<uint8_t>(1 << random.below(8));
    const std::string code = opening(damaged);
    ASSERT_TRUE(code == code::kCorrupt || code == code::kVersion) << "byte " << at << ": " << code;
  }
}

TEST(Snapshot, EveryCutIsSeen) {
  Random random(163);
  const auto bytes = written(filled("Flat", kDim, random.vectors(300, kDim)), info_of("Flat"));
  for (const size_t size : {size_t{0}, size_t{1}, kHeader - 1, kHeader, bytes.size() / 2, bytes.size() - 1}) {
    if (size == 0) continue;  // no region is empty
    EXPECT_EQ(opening(std::vector<uint8_t>(bytes.begin(), bytes.begin() + static_cast<int64_t>(size))), code::kCorrupt);
  }
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(opening(longer), code::kCorrupt);
}

TEST(Snapshot, SwappedAndZeroedBlocksAreSeen) {
  Random random(164);
  const auto bytes = written(filled("Flat", kDim, random.vectors(60000, kDim)), info_of("Flat"));
  ASSERT_GT(bytes.size(), kHeader + 3 * kBlock);
  auto swapped = bytes;
  std::swap_ranges(swapped.begin() + kHeader, swapped.begin() + kHeader + kBlock, swapped.begin() + kHeader + kBlock);
  EXPECT_EQ(opening(swapped), code::kCorrupt);
  auto zeroed = bytes;
  std::fill_n(zeroed.begin() + kHeader + 2 * kBlock, kBlock, 0);
  EXPECT_EQ(opening(zeroed), code::kCorrupt);
}

TEST(Snapshot, StructureIsCheckedApartFromVectors) {
  Random random(165);
  auto bytes = written(filled("Flat", kDim, random.vectors(60000, kDim)), info_of("Flat"));
  bytes[kHeader + 2 * kBlock + 5] ^= 1;  // well within the vectors
  const Snapshot snapshot = Snapshot::from_region(region_of(bytes));
  EXPECT_NO_THROW(snapshot.verify(team(), true, Ticket()));
  try {
    snapshot.verify(team(), false, Ticket());
    FAIL() << "the damage was not seen";
  } catch (const Error& error) {
    EXPECT_STREQ(error.code, code::kCorrupt);
    EXPECT_STREQ(error.what(),
                 "The buffer is damaged: the checksum of block 2 (bytes 2101248 and on) does not match. Restore it "
                 "from a copy or build it again.");
  }
  bytes[kHeader + 2 * kBlock + 5] ^= 1;
  bytes[kHeader + 3] ^= 1;  // the note
  const Snapshot again = Snapshot::from_region(region_of(bytes));
  EXPECT_EQ(code_of([&] { again.verify(team(), true, Ticket()); }), code::kCorrupt);
}

TEST(Snapshot, AnotherVersionIsSaidToBeOne) {
  auto bytes = written(filled("Flat", kDim, Random(166).vectors(10, kDim)), info_of("Flat"));
  bytes[8] = 2;
  const uint32_t sum = crc32c(0, bytes.data(), kHeader - 4);
  std::memcpy(bytes.data() + kHeader - 4, &sum, 4);
  try {
    Snapshot::from_region(region_of(bytes));
    FAIL() << "a version that does not exist";
  } catch (const Error& error) {
    EXPECT_STREQ(error.code, code::kVersion);
    EXPECT_EQ(error.expected, "version 1");
    EXPECT_EQ(error.actual, "version 2");
  }
}

// The header with its own sum put right again: what only somebody who means it would do.
TEST(Snapshot, AHeaderThatContradictsItsContentsIsRefused) {
  const auto bytes = written(filled("HNSW8", kDim, Random(167).vectors(100, kDim)), info_of("HNSW8"));
  const std::pair<size_t, int64_t> changes[] = {
      {24, 8},                 // dim
      {32, 99},                // rows
      {32, int64_t{1} << 40},  // rows, more than there can be
      {32, -1},                //
      {40, 101},               // live
      {80, 1 << 20},           // note: its offset
      {88, int64_t{1} << 62},  // note: its size
      {128, 100},              // faiss: its offset, in the header
      {136, 10},               // faiss: its size
      {144, 4096},             // table: its offset
  };
  for (const auto& [at, value] : changes) {
    auto changed = bytes;
    std::memcpy(changed.data() + at, &value, sizeof(value));
    const uint32_t sum = crc32c(0, changed.data(), kHeader - 4);
    std::memcpy(changed.data() + kHeader - 4, &sum, 4);
    const std::string code = opening(changed);
    EXPECT_TRUE(code == code::kCorrupt || code == code::kUnsupported) << "byte " << at << ": " << code;
  }
}

// We write the table of sums at a multiple of 64. A file that has it elsewhere, with sums that are right, is read too.
TEST(Snapshot, TheTableOfSumsMayLieAtAnyByte) {
  auto bytes = written(filled("Flat", kDim, Random(169).vectors(100, kDim)), info_of("Flat"));
  const auto set = [&](size_t at, auto value) { std::memcpy(bytes.data() + at, &value, sizeof(value)); };
  uint64_t table;
  std::memcpy(&table, bytes.data() + 144, sizeof(table));
  bytes.insert(bytes.begin() + static_cast<int64_t>(table), uint8_t{0});
  table++;
  set(16, uint64_t{bytes.size()});
  set(144, table);
  ASSERT_EQ(bytes.size() - table, sizeof(uint32_t)) << "one block";
  set(table, crc32c(0, bytes.data() + kHeader, table - kHeader));
  set(76, crc32c(0, bytes.data() + table, sizeof(uint32_t)));
  set(kHeader - 4, crc32c(0, bytes.data(), kHeader - 4));
  EXPECT_EQ(opening(bytes), "nothing");
}

TEST(Snapshot, SaysWhatIsNoSnapshot) {
  const Folder folder;
  put(folder.path("other"), std::vector<uint8_t>(10000, 'x'));
  put(folder.path("short"), std::vector<uint8_t>(10, 'x'));
  put(folder.path("empty"), {});
  for (const bool map : {false, true}) {
    auto open = [&](const std::string& path) { return code_of([&] { Snapshot::open(path, map, Ticket()); }); };
    EXPECT_EQ(open(folder.path("other")), code::kCorrupt);
    EXPECT_EQ(open(folder.path("short")), code::kCorrupt);
    EXPECT_EQ(open(folder.path("empty")), code::kCorrupt);
    EXPECT_EQ(open(folder.path("none")), code::kNotFound);
    EXPECT_EQ(open(folder.path("")), code::kIo);
  }
}

TEST(Snapshot, ReportsAndCanBeCancelled) {
  const Folder folder;
  const Body body = filled("Flat", kDim, Random(168).vectors(2000, kDim));
  std::string phases;
  auto listening = [&] {
    auto ticket = std::make_unique<Ticket>();
    ticket->on_progress = [&phases](const char* phase, int64_t done, int64_t total) {
      EXPECT_GE(done, 0);
      EXPECT_GT(total, 0);
      if (phases.find(phase) == std::string::npos) phases += std::string(phase) + " ";
    };
    return ticket;
  };
  put(folder.path("a"), written(body, info_of("Flat"), *listening()));
  const Snapshot snapshot = Snapshot::open(folder.path("a"), false, *listening());
  snapshot.verify(team(), false, *listening());
  EXPECT_EQ(phases, "save open verify ");
  Ticket gone;
  gone.cancel();
  EXPECT_EQ(code_of([&] { written(body, info_of("Flat"), gone); }), code::kAborted);
  EXPECT_EQ(code_of([&] { Snapshot::open(folder.path("a"), false, gone); }), code::kAborted);
  EXPECT_EQ(code_of([&] { snapshot.verify(team(), false, gone); }), code::kAborted);
}

}  // namespace

}  // namespace quiver::test
