#include <faiss/Index2Layer.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexScalarQuantizer.h>

#include <algorithm>
#include <cstring>

#include "core/inspection.h"
#include "core/structure.h"

namespace quiver {

namespace {

// Far above what FAISS makes: it stops adding levels when one node in a billion would have the next.
constexpr size_t kMaxLevels = 128;
constexpr int kMaxLinksARow = 1 << 22;
constexpr int kMaxEffort = 1 << 20;  // of efSearch and efConstruction, as in lib/options.ts

// Links may be a view of a file, where they lie at any address.
int32_t link_at(const uint8_t* links, size_t i) {
  int32_t link;
  std::memcpy(&link, links + i * sizeof(link), sizeof(link));
  return link;
}

// Whether n places of one row and level hold rows that exist, then nothing but -1. Behind the first empty place none
// may follow: FAISS would take the gap for a row when it adds a link. Without branches, so that the compiler uses SIMD:
// large graphs are opened in the time of this loop.
bool sound_links(const uint8_t* links, size_t n, uint32_t rows) {
  uint32_t bad = 0;
  for (size_t i = 0; i < n; i++) bad |= static_cast<uint32_t>(link_at(links, i)) + 1 > rows ? 1 : 0;
  for (size_t i = 0; i + 1 < n; i++) bad |= (link_at(links, i) < 0 ? 1 : 0) & (link_at(links, i + 1) >= 0 ? 1 : 0);
  return bad == 0;
}

void check_tables(const Inspection& inspection, const faiss::HNSW& hnsw, size_t rows) {
  inspection.require(hnsw.levels.size() == rows && hnsw.offsets.size() == rows + 1,
                     "its graph's tables have wrong sizes");
  const auto& cumulative = hnsw.cum_nneighbor_per_level;
  const char* wrong = "its graph's level table is wrong";
  inspection.require(cumulative.size() >= 2 && cumulative.size() <= kMaxLevels && cumulative[0] == 0, wrong);
  inspection.require(cumulative[1] >= 2 && cumulative.back() <= kMaxLinksARow, wrong);
  for (size_t i = 1; i < cumulative.size(); i++) inspection.require(cumulative[i] >= cumulative[i - 1], wrong);
  // A new row draws its level from this table, and then has room for as many links as the other one says.
  const auto& chances = hnsw.assign_probas;
  inspection.require(!chances.empty() && chances.size() < cumulative.size(), wrong);
  for (double chance : chances) inspection.require(chance >= 0 && chance <= 1, wrong);
  inspection.require(hnsw.efSearch >= 1 && hnsw.efSearch <= kMaxEffort && hnsw.efConstruction >= 1 &&
                         hnsw.efConstruction <= kMaxEffort,
                     "its graph's search effort is out of range");
}

void check_rows(const Inspection& inspection, const faiss::HNSW& hnsw, size_t rows) {
  const auto& cumulative = hnsw.cum_nneighbor_per_level;
  inspection.require(hnsw.offsets[0] == 0 && hnsw.offsets[rows] == hnsw.neighbors.size(),
                     "its graph's offsets are wrong");
  int top = 0;
  for (size_t row = 0; row < rows; row++) {
    const int level = hnsw.levels[row];
    top = std::max(top, level);
    if (level < 1 || static_cast<size_t>(level) >= cumulative.size() || hnsw.offsets[row + 1] < hnsw.offsets[row] ||
        hnsw.offsets[row + 1] - hnsw.offsets[row] != static_cast<size_t>(cumulative[static_cast<size_t>(level)])) {
      inspection.refuse("the links of row " + std::to_string(row) + " lie outside its graph");
    }
  }
  const auto entry = static_cast<size_t>(hnsw.entry_point);
  inspection.require(hnsw.entry_point >= 0 && entry < rows, "its graph's entry point does not exist");
  inspection.require(hnsw.max_level >= 0 && hnsw.max_level < top && hnsw.levels[entry] > hnsw.max_level,
                     "its graph's top level is wrong");
}

void check_links(const Inspection& inspection, const faiss::HNSW& hnsw, size_t rows) {
  const auto& cumulative = hnsw.cum_nneighbor_per_level;
  const auto* all = reinterpret_cast<const uint8_t*>(hnsw.neighbors.data());
  for (size_t row = 0; row < rows; row++) {
    for (int level = 0; level < hnsw.levels[row]; level++) {
      const auto begin = static_cast<size_t>(cumulative[static_cast<size_t>(level)]);
      const auto end = static_cast<size_t>(cumulative[static_cast<size_t>(level) + 1]);
      const uint8_t* links = all + (hnsw.offsets[row] + begin) * sizeof(int32_t);
      if (!sound_links(links, end - begin, static_cast<uint32_t>(rows))) {
        inspection.refuse("its graph links row " + std::to_string(row) + " to a row that does not exist");
      }
      // A link on an upper level must lead to a node with that level, or its links would be read from another's.
      for (size_t i = 0; level > 0 && i < end - begin && link_at(links, i) >= 0; i++) {
        inspection.require(hnsw.levels[static_cast<size_t>(link_at(links, i))] > level,
                           "its graph links levels wrongly");
      }
    }
  }
}

// FAISS asks the storage for a distance computer in a region that must not throw.
void check_storage(const Inspection& inspection, const faiss::IndexHNSW& graph) {
  const faiss::Index* storage = graph.storage;
  inspection.require(storage->d == graph.d && number_of(storage->metric_type) == graph.metric_type,
                     "its graph and its vectors do not fit each other");
  inspection.require(storage->is_trained || !graph.is_trained, "a part of it is not trained");
  if (dynamic_cast<const faiss::IndexHNSW2Level*>(&graph) != nullptr) {
    inspection.require(dynamic_cast<const faiss::Index2Layer*>(storage) != nullptr, "its graph has other vectors");
  } else if (const auto* pq = dynamic_cast<const faiss::IndexPQ*>(storage)) {
    inspection.require(!pq->is_trained || pq->pq.sdc_table.size() == pq->pq.M * pq->pq.ksub * pq->pq.ksub,
                       "its graph lacks the table of distances between codes");
  } else if (dynamic_cast<const faiss::IndexFlat*>(storage) == nullptr &&
             dynamic_cast<const faiss::IndexScalarQuantizer*>(storage) == nullptr) {
    inspection.unknown("its graph is one over another kind than Flat, SQ or PQ");
  }
}

}  // namespace

void Inspection::graph(const faiss::IndexHNSW& graph, int64_t rows) const {
  if (dynamic_cast<const faiss::IndexHNSWCagra*>(&graph) != nullptr) unknown("it is a CAGRA graph");
  require(graph.storage != nullptr, "its graph has no vectors");
  index(*graph.storage, rows);
  check_storage(*this, graph);
  const auto n = static_cast<size_t>(rows);
  check_tables(*this, graph.hnsw, n);
  if (n == 0) {
    require(graph.hnsw.neighbors.size() == 0 && graph.hnsw.offsets[0] == 0 && graph.hnsw.entry_point == -1 &&
                graph.hnsw.max_level == -1,
            "its graph links rows, but has none");
    return;
  }
  check_rows(*this, graph.hnsw, n);
  check_links(*this, graph.hnsw, n);
}

}  // namespace quiver
