// The parser of envelopes against bytes that somebody has spoilt, with sums that are wrong, and with sums that are
// right. Runs under the sanitizers: what it reads beyond the buffer they see.
#include <map>

#include "core/checksum.h"
#include "core/snapshot.h"
#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 8;
constexpr size_t kHeader = 4096;
constexpr size_t kBlock = 1 << 20;
constexpr size_t kTableField = 144, kTableSumField = 76, kFileBytesField = 16, kHeaderSumField = kHeader - 4;

// Every field of the header that has a meaning: where it lies and how wide it is.
const std::vector<std::pair<size_t, size_t>> kFields = {
    {0, 8},   {8, 4},   {12, 4},  {16, 8},  {24, 8},  {32, 8},  {40, 8},  {48, 8},  {56, 8},
    {64, 4},  {68, 4},  {72, 4},  {76, 4},  {80, 8},  {88, 8},  {96, 8},  {104, 8}, {112, 8},
    {120, 8}, {128, 8}, {136, 8}, {144, 8}, {152, 8}, {160, 8}, {168, 8}, {176, 8}, {430, 8}};

uint64_t number_at(const std::vector<uint8_t>& bytes, size_t at, size_t width = 8) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, width);
  return value;
}
void put_number(std::vector<uint8_t>& bytes, size_t at, uint64_t value, size_t width = 8) {
  std::memcpy(bytes.data() + at, &value, width);
}

// With ids of its own, dead rows and a note: every section has something in it.
std::vector<uint8_t> sound_bytes(const std::string& factory) {
  Body body = filled(factory, kDim, Random(501).vectors(70, kDim));
  body.rows = RowIds();
  for (int64_t row = 0; row < 70; row++) body.rows.append(row * 3 + 1);
  for (int64_t row = 0; row < 70; row += 9) body.rows.kill(row);
  SnapshotInfo info;
  info.spec = spec_of(factory, kDim);
  info.generation = 12;
  info.note = R"({"version":1,"type":"flat"})";
  MemorySink sink;
  write_snapshot(body, info, sink, Ticket());
  return sink.take();
}

// Makes all sums right that the header, as it is now, asks for.
void seal(std::vector<uint8_t>& bytes) {
  const uint64_t table = number_at(bytes, kTableField), table_bytes = number_at(bytes, kTableField + 8);
  if (table >= kHeader && table <= bytes.size() && table_bytes <= bytes.size() - table) {
    for (uint64_t block = 0; (block + 1) * 4 <= table_bytes; block++) {
      const uint64_t from = kHeader + block * kBlock;
      const uint64_t to = std::min<uint64_t>(from + kBlock, table);
      if (from >= to) break;
      put_number(bytes, table + block * 4, crc32c(0, bytes.data() + from, to - from), 4);
    }
    put_number(bytes, kTableSumField, crc32c(0, bytes.data() + table, table_bytes), 4);
  }
  put_number(bytes, kHeaderSumField, crc32c(0, bytes.data(), kHeaderSumField), 4);
}

// What comes of the whole way of opening. What opens is used.
std::string opened(const std::vector<uint8_t>& bytes) {
  return code_of([&] {
    auto region = Region::allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), region->writable());
    const Snapshot snapshot = Snapshot::from_region(region);
    snapshot.verify(1, false, Ticket());
    Loaded loaded = snapshot.load(true);
    const int64_t live = loaded.body.rows.live();
    const auto state = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
    const auto ids = state->ids();
    EXPECT_EQ(static_cast<int64_t>(ids.size()), live);
    for (int64_t id : ids) EXPECT_GE(id, 0);
    const auto queries = Random(502).vectors(3, kDim);
    SearchOptions options;
    options.k = 4;
    std::vector<int64_t> found(12);
    std::vector<float> distances(12);
    state->search(3, queries.data(), options, found.data(), distances.data());
    for (int64_t id : found) {
      EXPECT_TRUE(id == -1 || std::find(ids.begin(), ids.end(), id) != ids.end()) << id;
    }
    state->add(staged(queries, kDim), std::nullopt, false, Ticket());
    state->to_bytes(Ticket());
  });
}

uint64_t spoilt(Random& random, uint64_t old, size_t file) {
  const uint64_t traps[] = {0,
                            1,
                            8,
                            63,
                            64,
                            kHeader,
                            file,
                            file - 4,
                            4095,
                            4097,
                            1u << 31,
                            ~uint64_t{0},
                            ~uint64_t{7},
                            uint64_t{1} << 62,
                            uint64_t{1} << 63,
                            0x7fffffffffffffff};
  switch (random.below(4)) {
    case 0:
      return old + static_cast<uint64_t>(random.between(-9, 9));
    case 1:
      return old ^ (uint64_t{1} << random.below(64));
    case 2:
      return static_cast<uint64_t>(random.below(static_cast<int64_t>(file) * 2));
    default:
      return traps[random.below(std::size(traps))];
  }
}

int64_t rounds(int64_t plain, int64_t sanitized) {
  return times(plain, sanitized) * static_cast<int64_t>(setting("QUIVER_TRIALS", 1));
}

TEST(EnvelopeFuzz, WhatIsSpoiltWithoutNewSumsIsAlwaysRefused) {
  Random random(503);
  for (const char* factory : {"Flat", "HNSW8", "IVF4,Flat"}) {
    const auto sound = sound_bytes(factory);
    ASSERT_EQ(opened(sound), "nothing") << factory;
    for (int64_t round = 0; round < rounds(2000, 500); round++) {
      auto bytes = sound;
      const int64_t changes = random.between(1, 4);
      for (int64_t i = 0; i < changes; i++) {
        const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())));
        bytes[at] = static_cast<uint8_t>(random.below(256));
      }
      if (random.chance(0.1)) bytes.resize(static_cast<size_t>(random.between(1, static_cast<int64_t>(sound.size()))));
      if (random.chance(0.1)) bytes.insert(bytes.end(), static_cast<size_t>(random.between(1, 9000)), 0);
      if (bytes == sound) continue;
      ASSERT_EQ(opened(bytes), code::kCorrupt) << factory << ", round " << round;
    }
  }
}

TEST(EnvelopeFuzz, HeadersWithRightSumsOpenSoundlyOrNotAtAll) {
  Random random(504);
  std::map<std::string, int> outcomes;
  for (const char* factory : {"Flat", "HNSW8", "IVF4,Flat", "SQ8"}) {
    const auto sound = sound_bytes(factory);
    for (int64_t round = 0; round < rounds(2000, 500); round++) {
      auto bytes = sound;
      const int64_t changes = random.between(1, 3);
      for (int64_t i = 0; i < changes; i++) {
        const auto [at, width] = kFields[static_cast<size_t>(random.below(static_cast<int64_t>(kFields.size())))];
        put_number(bytes, at, spoilt(random, number_at(bytes, at, width), bytes.size()), width);
      }
      if (random.chance(0.5)) put_number(bytes, kFileBytesField, bytes.size());
      seal(bytes);
      const std::string code = opened(bytes);
      outcomes[code]++;
      ASSERT_TRUE(code == "nothing" || code == code::kCorrupt || code == code::kVersion || code == code::kUnsupported ||
                  code == code::kOutOfMemory || code == code::kRange)
          << factory << ", round " << round << ": " << code;
    }
  }
  EXPECT_GT(outcomes["nothing"], 0) << "some changes, of the generation say, mean nothing";
  EXPECT_GT(outcomes[code::kCorrupt], 0);
}

// The sections that are not FAISS's: ids, dead rows, the note and the table.
TEST(EnvelopeFuzz, SectionsWithRightSumsOpenSoundlyOrNotAtAll) {
  Random random(505);
  const auto sound = sound_bytes("Flat");
  for (int64_t round = 0; round < rounds(4000, 1000); round++) {
    auto bytes = sound;
    const size_t field = std::vector<size_t>{80, 96, 112}[static_cast<size_t>(random.below(3))];
    const uint64_t offset = number_at(bytes, field), size = number_at(bytes, field + 8);
    ASSERT_GT(size, 0u);
    for (int64_t i = random.between(1, 3); i > 0; i--) {
      const auto at = offset + static_cast<uint64_t>(random.below(static_cast<int64_t>(size)));
      bytes[at] = random.chance(0.5) ? 255 : static_cast<uint8_t>(random.below(256));
    }
    seal(bytes);
    const std::string code = opened(bytes);
    ASSERT_TRUE(code == "nothing" || code == code::kCorrupt) << "round " << round << ": " << code;
  }
}

TEST(EnvelopeFuzz, AnyBytesAtAllAreRefused) {
  Random random(506);
  for (int64_t round = 0; round < rounds(2000, 500); round++) {
    std::vector<uint8_t> bytes(static_cast<size_t>(random.between(1, 12000)));
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
    if (random.chance(0.7)) std::memcpy(bytes.data(), "QUIVERIX", std::min<size_t>(8, bytes.size()));
    if (bytes.size() >= kHeader && random.chance(0.7)) seal(bytes);
    const std::string code = opened(bytes);
    ASSERT_TRUE(code == code::kCorrupt || code == code::kVersion) << "round " << round << ": " << code;
  }
}

}  // namespace

}  // namespace quiver::test
