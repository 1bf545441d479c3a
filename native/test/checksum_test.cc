#include "core/checksum.h"

#include "test/support.h"

namespace quiver::test {

namespace {

// The definition, bit by bit.
uint32_t slow_crc32c(const uint8_t* data, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

TEST(Checksum, MatchesPublishedValues) {
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
  // RFC 3720, appendix B.4.
  uint8_t bytes[32] = {};
  EXPECT_EQ(crc32c(0, bytes, 32), 0x8a9136aau);
  std::memset(bytes, 0xff, 32);
  EXPECT_EQ(crc32c(0, bytes, 32), 0x62a8ab43u);
  for (int i = 0; i < 32; i++) bytes[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(crc32c(0, bytes, 32), 0x46dd794eu);
  for (int i = 0; i < 32; i++) bytes[i] = static_cast<uint8_t>(31 - i);
  EXPECT_EQ(crc32c(0, bytes, 32), 0x113fdb5cu);
  EXPECT_EQ(crc32c(0, nullptr, 0), 0u);
}

TEST(Checksum, MatchesTheDefinitionAtEveryLengthAndAlignment) {
  Random random(1);
  std::vector<uint8_t> bytes(300);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  for (size_t offset = 0; offset < 9; offset++) {
    for (size_t size = 0; size < 200; size++) {
      ASSERT_EQ(crc32c(0, bytes.data() + offset, size), slow_crc32c(bytes.data() + offset, size))
          << "offset " << offset << ", size " << size;
    }
  }
}

TEST(Checksum, GoesOnFromAnEarlierPart) {
  Random random(2);
  std::vector<uint8_t> bytes(1000);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  const uint32_t whole = crc32c(0, bytes.data(), bytes.size());
  for (size_t cut = 0; cut <= bytes.size(); cut += 7) {
    EXPECT_EQ(crc32c(crc32c(0, bytes.data(), cut), bytes.data() + cut, bytes.size() - cut), whole) << "cut at " << cut;
  }
}

}  // namespace

}  // namespace quiver::test
