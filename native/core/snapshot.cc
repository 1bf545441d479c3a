#include "core/snapshot.h"

#include <faiss/index_io.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>

#include "core/checksum.h"
#include "core/error.h"
#include "core/guarded_reader.h"
#include "core/residual_lists.h"
#include "core/structure_check.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

constexpr char kMagic[8] = {'Q', 'U', 'I', 'V', 'E', 'R', 'I', 'X'};
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kAlign = 64;
constexpr int64_t kMaxSafeId = (int64_t{1} << 53) - 1;

struct Section {
  uint64_t offset;
  uint64_t bytes;
};

// The order of the fields is the format. Every field is naturally aligned, so the layout has no gaps.
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint64_t file_bytes;
  int64_t dim;
  int64_t rows;
  int64_t live;
  int64_t next_id;
  uint64_t generation;
  uint32_t metric;
  float metric_arg;
  uint32_t bigint_ids;
  uint32_t table_crc;
  Section note;
  Section ids;
  Section dead;
  Section faiss;
  Section table;
  Section vectors;  // the part of `faiss` that holds nothing but vectors or codes
  char factory[260];
  uint32_t unused;
  uint8_t reserved[kHeaderBytes - 444];
  uint32_t crc;  // of all bytes before
};
static_assert(sizeof(Header) == kHeaderBytes && offsetof(Header, crc) == kHeaderBytes - 4, "no hidden gaps");

[[noreturn]] void corrupt(const std::string& name, const std::string& what,
                          const std::string& expected = "an undamaged file", const std::string& actual = "damage") {
  throw Error(code::kCorrupt, name + " is damaged: " + what + ". Restore it from a copy or build it again.", expected,
              actual);
}

// Passes bytes on and keeps the sum of each block of the sections.
class SummingSink final : public Sink {
 public:
  explicit SummingSink(Sink& target) : target_(target) {}

  void write(const void* data, size_t size) override {
    const auto* bytes = static_cast<const uint8_t*>(data);
    target_.write(data, size);
    position_ += size;
    while (size > 0) {
      const size_t part = std::min(size, kBlockBytes - in_block_);
      crc_ = crc32c(crc_, bytes, part);
      in_block_ += part;
      bytes += part;
      size -= part;
      if (in_block_ == kBlockBytes) close_block();
    }
  }
  void patch(const void*, size_t) override {}
  std::vector<uint32_t> finish() {
    if (in_block_ > 0) close_block();
    return std::move(sums_);
  }
  void align() {
    static const uint8_t zeros[kAlign] = {};
    const size_t rest = position_ % kAlign;
    if (rest != 0) write(zeros, kAlign - rest);
  }

 private:
  void close_block() {
    sums_.push_back(crc_);
    crc_ = 0;
    in_block_ = 0;
  }
  Sink& target_;
  uint32_t crc_ = 0;
  size_t in_block_ = 0;
  std::vector<uint32_t> sums_;
};

// Notes where the vectors lie.
struct FaissWriter final : TicketWriter {
  FaissWriter(SummingSink& target, const Ticket& call, const void* vectors_at, int64_t bytes_in_all)
      : TicketWriter(target, call, "save", bytes_in_all), sink(target), vectors(vectors_at) {}
  size_t operator()(const void* data, size_t size, size_t items) override {
    if (data == vectors && data != nullptr) {
      vectors_section = {kHeaderBytes + sink.position(), size * items};
    }
    return TicketWriter::operator()(data, size, items);
  }
  SummingSink& sink;
  const void* vectors;
  Section vectors_section{0, 0};
};

// The largest array of codes: where there is one, most of the file. Lists hold ids between their codes and count as
// structure.
const void* vectors_of(faiss::Index* index) {
  const faiss::IndexFlatCodes* largest = nullptr;
  for (const auto* codes : all_codes(index)) {
    if (largest == nullptr || codes->codes.size() > largest->codes.size()) largest = codes;
  }
  return largest != nullptr ? largest->codes.data() : nullptr;
}

uint64_t blocks_in(const Header& header) {
  return (header.table.offset - kHeaderBytes + kBlockBytes - 1) / kBlockBytes;
}

const Header& header_of(const Region& region) {
  return *reinterpret_cast<const Header*>(region.data());
}

}  // namespace

void write_snapshot(const Body& body, const SnapshotInfo& info, Sink& sink, const Ticket& ticket) {
  Header header{};
  const std::vector<uint8_t> blank(kHeaderBytes, 0);
  sink.write(blank.data(), blank.size());
  SummingSink sections(sink);
  auto section = [&](const void* data, size_t bytes) {
    sections.align();
    const Section at{kHeaderBytes + sections.position(), bytes};
    if (bytes > 0) sections.write(data, bytes);
    return at;
  };
  header.note = section(info.note.data(), info.note.size());
  header.ids = section(body.rows.ids().data(), body.rows.ids().size() * sizeof(int64_t));
  const bool any_dead = body.rows.dead() > 0;
  std::vector<uint64_t> dead = any_dead ? body.rows.dead_bits() : std::vector<uint64_t>{};
  if (any_dead) dead.resize(static_cast<size_t>((body.rows.rows() + 63) / 64), 0);
  header.dead = section(dead.data(), dead.size() * sizeof(uint64_t));
  sections.align();
  header.faiss.offset = kHeaderBytes + sections.position();
  FaissWriter writer(sections, ticket, vectors_of(body.index.get()), static_cast<int64_t>(body.bytes()));
  faiss::write_index(body.index.get(), &writer);
  header.faiss.bytes = kHeaderBytes + sections.position() - header.faiss.offset;
  header.vectors = writer.vectors_section;
  sections.align();
  const uint64_t table_offset = kHeaderBytes + sections.position();
  const std::vector<uint32_t> sums = sections.finish();
  header.table = {table_offset, sums.size() * sizeof(uint32_t)};
  if (!sums.empty()) sink.write(sums.data(), header.table.bytes);

  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.header_bytes = kHeaderBytes;
  header.file_bytes = sink.position();
  header.dim = info.spec.dim;
  header.rows = body.rows.rows();
  header.live = body.rows.live();
  header.next_id = body.rows.next_id();
  header.generation = info.generation;
  header.metric = static_cast<uint32_t>(info.spec.metric);
  header.metric_arg = info.spec.metric_arg;
  header.bigint_ids = info.bigint_ids ? 1 : 0;
  header.table_crc = crc32c(0, sums.data(), header.table.bytes);
  std::strncpy(header.factory, body.factory.c_str(), sizeof(header.factory) - 1);
  header.crc = crc32c(0, &header, offsetof(Header, crc));
  sink.patch(&header, sizeof(header));
  ticket.report("save", static_cast<int64_t>(header.file_bytes), static_cast<int64_t>(header.file_bytes));
}

Snapshot Snapshot::open(const std::string& path, bool map, const Ticket& ticket) {
  const Fd fd = open_for_reading(path);
  const uint64_t size = size_of(fd, path);
  Snapshot snapshot;
  snapshot.name = path;
  if (size < kHeaderBytes) corrupt(path, "it is shorter than a header", "at least 4096 bytes", std::to_string(size));
  if (map) {
    snapshot.region_ = Region::map_file(fd.get(), size, path);
    snapshot.check_header(snapshot.region_->size());
    return snapshot;
  }
  // The header first: a wrong file should not cost the reading of all of it.
  auto head = Region::allocate(kHeaderBytes);
  read_exactly(fd, head->writable(), kHeaderBytes, 0, path);
  snapshot.region_ = head;
  const uint64_t stated = header_of(*head).file_bytes;
  if (std::memcmp(header_of(*head).magic, kMagic, sizeof(kMagic)) != 0 || stated != size) snapshot.check_header(size);
  snapshot.region_ = Region::allocate(size);
  constexpr size_t kPiece = size_t{16} << 20;
  for (uint64_t at = 0; at < size; at += kPiece) {
    ticket.check();
    read_exactly(fd, snapshot.region_->writable() + at, std::min<uint64_t>(kPiece, size - at), at, path);
    ticket.report("open", static_cast<int64_t>(std::min<uint64_t>(at + kPiece, size)), static_cast<int64_t>(size));
  }
  snapshot.check_header(snapshot.region_->size());
  return snapshot;
}

Snapshot Snapshot::from_region(std::shared_ptr<Region> bytes) {
  Snapshot snapshot;
  snapshot.name = "The buffer";
  if (bytes->size() < kHeaderBytes) {
    corrupt(snapshot.name, "it is shorter than a header", "at least 4096 bytes", std::to_string(bytes->size()));
  }
  snapshot.region_ = std::move(bytes);
  snapshot.check_header(snapshot.region_->size());
  return snapshot;
}

void Snapshot::check_header(uint64_t size) {
  const Header& header = header_of(*region_);
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
    throw Error(code::kCorrupt,
                name +
                    " is not a Quiver index (or its first bytes are damaged). A file written by FAISS itself opens "
                    "with Index.importFaiss().",
                "the magic QUIVERIX", "other bytes");
  }
  if (crc32c(0, &header, offsetof(Header, crc)) != header.crc) corrupt(name, "the header's checksum does not match");
  if (header.version != kVersion) {
    throw Error(code::kVersion,
                name + " has format version " + std::to_string(header.version) +
                    "; this build reads version 1. "
                    "Open it with a newer faiss-quiver.",
                "version 1", "version " + std::to_string(header.version));
  }
  if (header.file_bytes != size) {
    corrupt(name, "its length is wrong", std::to_string(header.file_bytes) + " bytes", std::to_string(size) + " bytes");
  }
  const uint64_t end = header.file_bytes;
  for (const Section& part : {header.note, header.ids, header.dead, header.faiss, header.table}) {
    if (part.offset < kHeaderBytes || part.offset > end || part.bytes > end - part.offset) {
      corrupt(name, "a section lies outside the file");
    }
  }
  const bool counts_fit =
      header.rows >= 0 && header.rows <= RowIds::kMaxRows && header.live >= 0 && header.live <= header.rows &&
      (header.ids.bytes == 0 || header.ids.bytes == static_cast<uint64_t>(header.rows) * 8) &&
      header.metric <= static_cast<uint32_t>(Metric::kJaccard) && header.factory[sizeof(header.factory) - 1] == 0;
  if (!counts_fit || header.table.bytes != blocks_in(header) * sizeof(uint32_t) ||
      header.table.offset + header.table.bytes != end) {
    corrupt(name, "the header contradicts itself");
  }
  if (crc32c(0, region_->data() + header.table.offset, header.table.bytes) != header.table_crc) {
    corrupt(name, "the checksum table's own checksum does not match");
  }
}

void Snapshot::verify(int threads, bool structure_only, const Ticket& ticket) const {
  const Header& header = header_of(*region_);
  const auto* sums = reinterpret_cast<const uint32_t*>(region_->data() + header.table.offset);
  const auto blocks = static_cast<int64_t>(blocks_in(header));
  std::atomic<int64_t> bad{-1};
  std::atomic<int64_t> done{0};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
  for (int64_t block = 0; block < blocks; block++) {
    const uint64_t from = kHeaderBytes + static_cast<uint64_t>(block) * kBlockBytes;
    const uint64_t to = std::min<uint64_t>(from + kBlockBytes, header.table.offset);
    const bool only_vectors = from >= header.vectors.offset && to <= header.vectors.offset + header.vectors.bytes;
    if ((structure_only && only_vectors) || bad.load() >= 0 || ticket.aborted()) continue;
    if (crc32c(0, region_->data() + from, to - from) != kernels::read_at(sums, static_cast<size_t>(block))) bad = block;
    done++;
  }
  ticket.check();
  ticket.report("verify", done, blocks);
  if (bad >= 0) {
    corrupt(name, "the checksum of block " + std::to_string(bad) + " (bytes " +
                      std::to_string(kHeaderBytes + static_cast<uint64_t>(bad) * kBlockBytes) +
                      " and on) does not match");
  }
}

Loaded Snapshot::load(bool foreign) const {
  const Header& header = header_of(*region_);
  Loaded loaded;
  loaded.body.index = read_guarded(region_->data() + header.faiss.offset, header.faiss.bytes, name);
  mend_residual_lists(loaded.body.index);
  auto copy = [&](const Section& part, auto element) {
    std::vector<decltype(element)> values(part.bytes / sizeof(element));
    if (!values.empty()) std::memcpy(values.data(), region_->data() + part.offset, values.size() * sizeof(element));
    return values;
  };
  loaded.body.rows =
      RowIds::restore(header.rows, copy(header.ids, int64_t{}), copy(header.dead, uint64_t{}), header.next_id);
  for (const int64_t id : loaded.body.rows.ids()) {
    if (id < 0) corrupt(name, "it holds an id below 0", ">= 0", std::to_string(id));
  }
  if (header.bigint_ids == 0 && loaded.body.rows.next_id() > kMaxSafeId + 1) {
    corrupt(name, "it holds ids above 2^53 - 1, but says that all are numbers");
  }
  loaded.body.factory = header.factory;
  loaded.body.region = region_;
  if (loaded.body.index->d != header.dim || loaded.body.rows.live() != header.live ||
      loaded.body.index->metric_type != faiss_metric(static_cast<Metric>(header.metric))) {
    corrupt(name, "the header does not fit its contents");
  }
  check_structure(*loaded.body.index, header.rows, name);
  if (foreign) check_stored_vectors(*loaded.body.index, name);
  loaded.info.spec.dim = header.dim;
  loaded.info.spec.metric = static_cast<Metric>(header.metric);
  loaded.info.spec.metric_arg = header.metric_arg;
  loaded.info.spec.factory = header.factory;
  loaded.info.bigint_ids = header.bigint_ids != 0;
  loaded.info.generation = header.generation;
  const auto* note = reinterpret_cast<const char*>(region_->data() + header.note.offset);
  loaded.info.note.assign(note, header.note.bytes);
  return loaded;
}

}  // namespace quiver
