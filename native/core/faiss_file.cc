#include "core/faiss_file.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/index_io.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "core/describe.h"
#include "core/error.h"
#include "core/guarded_reader.h"
#include "core/residual_lists.h"
#include "core/structure_check.h"
#include "core/training.h"
#include "kernels/unaligned.h"

namespace quiver {

namespace {

// IVF keeps ids in its lists: numbers the rows in the order of the ids and remembers the ids.
std::vector<int64_t> number_lists(faiss::IndexIVF& ivf, const std::string& name) {
  auto* lists = dynamic_cast<faiss::ArrayInvertedLists*>(ivf.invlists);
  auto* blocks = dynamic_cast<faiss::BlockInvertedLists*>(ivf.invlists);
  if (lists == nullptr && blocks == nullptr) {
    throw Error(code::kUnsupported, name + " keeps its lists outside the file; merge them into it first.",
                "lists in memory", "on-disk lists");
  }
  std::vector<int64_t> ids;
  for (size_t list = 0; list < ivf.nlist; list++) {
    const size_t size = ivf.invlists->list_size(list);
    faiss::InvertedLists::ScopedIds got(ivf.invlists, list);
    const size_t before = ids.size();
    ids.resize(before + size);
    // As bytes: they may lie at any address of the file.
    if (size > 0) std::memcpy(ids.data() + before, static_cast<const void*>(got.get()), size * sizeof(int64_t));
  }
  if (ids.size() != static_cast<size_t>(ivf.ntotal)) {
    throw Error(code::kCorrupt, name + " cannot be used: its lists do not hold all rows.", std::to_string(ivf.ntotal),
                std::to_string(ids.size()));
  }
  std::sort(ids.begin(), ids.end());
  bool counting = true;
  for (size_t i = 0; i < ids.size() && counting; i++) counting = ids[i] == static_cast<int64_t>(i);
  if (counting) return {};
  FairLock nobody;
  own_memory(&ivf, nobody);
  for (size_t list = 0; list < ivf.nlist; list++) {
    const size_t size = ivf.invlists->list_size(list);
    faiss::idx_t* at = lists != nullptr ? lists->ids[list].data() : blocks->ids[list].data();
    for (size_t i = 0; i < size; i++) at[i] = std::lower_bound(ids.begin(), ids.end(), at[i]) - ids.begin();
  }
  ivf.make_direct_map(false);  // it names the rows by their old numbers
  return ids;
}

// The index inside an IndexIDMap, which gives its content away.
template <typename Map>
std::unique_ptr<faiss::Index> unwrap(std::unique_ptr<faiss::Index> index, std::vector<int64_t>& ids) {
  auto* map = dynamic_cast<Map*>(index.get());
  ids.assign(map->id_map.begin(), map->id_map.end());
  std::unique_ptr<faiss::Index> inner(map->index);
  map->own_fields = false;
  return inner;
}

void check_ids(const std::vector<int64_t>& ids, int64_t rows, const std::string& name, bool bigint_ids) {
  if (ids.empty()) return;
  if (ids.size() != static_cast<size_t>(rows)) {
    throw Error(code::kCorrupt, name + " cannot be used: it has not one id for each vector.", std::to_string(rows),
                std::to_string(ids.size()));
  }
  std::unordered_set<int64_t> seen;
  constexpr int64_t kMaxSafe = (int64_t{1} << 53) - 1;
  for (int64_t id : ids) {
    if (id < 0 || (!bigint_ids && id > kMaxSafe)) {
      throw Error(code::kRange,
                  name + " holds the id " + std::to_string(id) +
                      (id < 0 ? "; ids must be 0 or more." : "; open it with idType: 'bigint'."),
                  bigint_ids ? "0 to 2^63 - 1" : "0 to 2^53 - 1", std::to_string(id));
    }
    if (seen.insert(id).second) continue;
    throw Error(code::kExists, name + " holds the id " + std::to_string(id) + " twice; Quiver needs unique ids.",
                "unique ids", std::to_string(id) + " twice");
  }
}

}  // namespace

void check_unit_length(const Body& body, const std::string& name) {
  constexpr int64_t kSample = 1000;
  if (!learns_nothing(body.index.get())) return;
  const auto* codes = all_codes(body.index.get()).back();
  const auto* x = reinterpret_cast<const float*>(codes->codes.data());
  for (int64_t row = 0; row < codes->ntotal; row += std::max<int64_t>(1, codes->ntotal / kSample)) {
    double norm = 0;
    for (int64_t i = row * codes->d; i < (row + 1) * codes->d; i++) {
      const double value = kernels::read_at(x, static_cast<size_t>(i));
      norm += value * value;
    }
    if (norm == 0 || std::abs(norm - 1) < 1e-2) continue;
    throw Error(code::kArgument,
                name +
                    " holds vectors that are not of length 1, so their inner products are no cosines. Open it with "
                    "metric 'ip', or normalise the vectors where the file is made.",
                "vectors of length 1", "a length of " + std::to_string(std::sqrt(norm)));
  }
}

std::shared_ptr<Region> read_region(const std::string& path, const Ticket& ticket) {
  const Fd fd = open_for_reading(path);
  const uint64_t size = size_of(fd, path);
  if (size == 0) throw Error(code::kCorrupt, path + " is empty.", "a FAISS index", "0 bytes");
  auto region = Region::allocate(size);
  constexpr size_t kPiece = size_t{16} << 20;
  for (uint64_t at = 0; at < size; at += kPiece) {
    ticket.check();
    read_exactly(fd, region->writable() + at, std::min<uint64_t>(kPiece, size - at), at, path);
    ticket.report("open", static_cast<int64_t>(std::min<uint64_t>(at + kPiece, size)), static_cast<int64_t>(size));
  }
  return region;
}

Body read_faiss(std::shared_ptr<Region> region, const std::string& name, bool bigint_ids) {
  Body body;
  std::vector<int64_t> ids;
  body.index = read_guarded(region->data(), region->size(), name);
  if (dynamic_cast<faiss::IndexIDMap*>(body.index.get()) != nullptr) {
    body.index = unwrap<faiss::IndexIDMap>(std::move(body.index), ids);
  }
  if (body.index == nullptr) throw Error(code::kCorrupt, name + " holds no index.", "a FAISS index", "none");
  if (auto* ivf = as_ivf(base_of(body.index.get()))) {
    auto from_lists = number_lists(*ivf, name);
    if (!from_lists.empty() && !ids.empty()) {
      throw Error(code::kUnsupported, name + " has ids both in its lists and around them.", "one kind of ids", "two");
    }
    if (!from_lists.empty()) ids = std::move(from_lists);
    // It may be of a kind that we do not use, by other ids, or damaged. The first get() makes it anew.
    ivf->direct_map = faiss::DirectMap();
  }
  mend_residual_lists(body.index);
  const int64_t rows = body.index->ntotal;
  check_structure(*body.index, rows, name);
  check_stored_vectors(*body.index, name);
  check_ids(ids, rows, name, bigint_ids);
  calm_training(body.index.get());
  bool counting = true;
  for (size_t i = 0; i < ids.size() && counting; i++) counting = ids[i] == static_cast<int64_t>(i);
  if (counting) ids.clear();
  body.rows = RowIds::restore(rows, std::move(ids), {}, rows);
  body.factory = describe(body.index.get());
  body.region = std::move(region);
  return body;
}

void write_faiss(const Body& body, Sink& sink, const Ticket& ticket) {
  TicketWriter writer(sink, ticket, "export", static_cast<int64_t>(body.bytes()));
  auto write = [&](const faiss::Index* index) {
    faiss::write_index(index, &writer);
    ticket.report("export", static_cast<int64_t>(sink.position()), static_cast<int64_t>(sink.position()));
  };
  if (body.rows.implicit()) return write(body.index.get());
  faiss::IndexIDMap2 map;
  map.index = body.index.get();
  map.own_fields = false;
  map.d = body.index->d;
  map.ntotal = body.index->ntotal;
  map.metric_type = body.index->metric_type;
  map.metric_arg = body.index->metric_arg;
  map.is_trained = body.index->is_trained;
  map.id_map = body.rows.ids();
  write(&map);
}

Metric metric_of(const faiss::Index* index) {
  for (int i = 0; i <= static_cast<int>(Metric::kJaccard); i++) {
    const auto metric = static_cast<Metric>(i);
    if (metric != Metric::kCosine && faiss_metric(metric) == index->metric_type) return metric;
  }
  throw Error(code::kUnsupported, "The index uses a metric that Quiver does not know.", "l2, ip or another of FAISS's",
              std::to_string(static_cast<int>(index->metric_type)));
}

}  // namespace quiver
