#include "core/structure_check.h"

#include <faiss/IndexFastScan.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/invlists/DirectMap.h>

#include "core/error.h"
#include "core/structure.h"

namespace quiver {

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(code::kCorrupt, name + " cannot be used: " + what + ".", "a sound index", what);
}

void check_graph(const faiss::IndexHNSW& index, const std::string& name) {
  const faiss::HNSW& hnsw = index.hnsw;
  const auto rows = static_cast<size_t>(index.ntotal);
  if (index.storage == nullptr) refuse(name, "its graph has no vectors");
  if (hnsw.levels.size() != rows || hnsw.offsets.size() != rows + 1)
    refuse(name, "its graph's tables have wrong sizes");
  const auto& cumulative = hnsw.cum_nneighbor_per_level;
  if (cumulative.empty() || cumulative[0] != 0) refuse(name, "its graph's level table is wrong");
  for (size_t i = 1; i < cumulative.size(); i++) {
    if (cumulative[i] < cumulative[i - 1]) refuse(name, "its graph's level table is wrong");
  }
  if (rows == 0) return;
  if (hnsw.entry_point < 0 || hnsw.entry_point >= index.ntotal) refuse(name, "its graph's entry point does not exist");
  if (hnsw.max_level < 0 || static_cast<size_t>(hnsw.max_level) + 1 >= cumulative.size() ||
      hnsw.levels[static_cast<size_t>(hnsw.entry_point)] - 1 < hnsw.max_level) {
    refuse(name, "its graph's top level is wrong");
  }
  if (hnsw.offsets[0] != 0 || hnsw.offsets[rows] != hnsw.neighbors.size())
    refuse(name, "its graph's offsets are wrong");
  for (size_t row = 0; row < rows; row++) {
    const int level = hnsw.levels[row];
    if (level < 1 || static_cast<size_t>(level) >= cumulative.size() || hnsw.offsets[row + 1] < hnsw.offsets[row] ||
        hnsw.offsets[row + 1] - hnsw.offsets[row] != static_cast<size_t>(cumulative[static_cast<size_t>(level)])) {
      refuse(name, "the links of row " + std::to_string(row) + " lie outside its graph");
    }
  }
  const auto* links = hnsw.neighbors.data();
  bool sound = true;
  for (size_t i = 0; i < hnsw.neighbors.size(); i++) sound = sound && links[i] >= -1 && links[i] < index.ntotal;
  if (!sound) refuse(name, "its graph links to rows that do not exist");
  // On upper levels a link must lead to a node that has that level, or its links would be read from another node.
  for (size_t row = 0; row < rows; row++) {
    for (int level = 1; level < hnsw.levels[row]; level++) {
      size_t begin, end;
      hnsw.neighbor_range(static_cast<faiss::idx_t>(row), level, &begin, &end);
      for (size_t i = begin; i < end && links[i] >= 0; i++) {
        if (hnsw.levels[static_cast<size_t>(links[i])] <= level) refuse(name, "its graph links levels wrongly");
      }
    }
  }
}

void check_product_quantizer(const faiss::ProductQuantizer& pq, int64_t dim, const std::string& name) {
  if (pq.d != static_cast<size_t>(dim) || pq.M == 0 || pq.d % pq.M != 0 || pq.nbits == 0 || pq.nbits > 24 ||
      pq.centroids.size() != pq.d * pq.ksub) {
    refuse(name, "its product quantizer has wrong sizes");
  }
}

void check_scalar_quantizer(const faiss::ScalarQuantizer& sq, const faiss::Index& index, const std::string& name) {
  size_t bounds = 0;
  switch (sq.qtype) {
    case faiss::ScalarQuantizer::QT_8bit:
    case faiss::ScalarQuantizer::QT_4bit:
    case faiss::ScalarQuantizer::QT_6bit:
      bounds = 2 * sq.d;
      break;
    case faiss::ScalarQuantizer::QT_8bit_uniform:
    case faiss::ScalarQuantizer::QT_4bit_uniform:
      bounds = 2;
      break;
    case faiss::ScalarQuantizer::QT_fp16:
    case faiss::ScalarQuantizer::QT_bf16:
    case faiss::ScalarQuantizer::QT_8bit_direct:
    case faiss::ScalarQuantizer::QT_8bit_direct_signed:
      break;
    default:  // of a newer FAISS, or of none: FAISS says so when it is used
      return;
  }
  if (sq.d != static_cast<size_t>(index.d) || (index.is_trained && sq.trained.size() != bounds)) {
    refuse(name, "its scalar quantizer has wrong sizes");
  }
}

// FastScan keeps codes of 4 bits, interleaved in blocks of `bbs` rows.
template <typename Scan>
void check_blocks(const Scan& scan, const std::string& name) {
  if (scan.M == 0 || scan.nbits != 4 || scan.ksub != 16 || scan.M2 != scan.M + scan.M % 2 || scan.bbs <= 0 ||
      scan.bbs % 32 != 0 || scan.code_size != (scan.M + 1) / 2) {
    refuse(name, "the sizes of its blocks of codes are wrong");
  }
}

size_t block_bytes(size_t rows, size_t rows_a_block, size_t bytes_a_block) {
  return (rows + rows_a_block - 1) / rows_a_block * bytes_a_block;
}

void check_block_lists(const faiss::IndexIVFFastScan& scan, const std::string& name) {
  check_blocks(scan, name);
  const auto* lists = dynamic_cast<const faiss::BlockInvertedLists*>(scan.invlists);
  const auto bbs = static_cast<size_t>(scan.bbs);
  if (lists == nullptr || lists->n_per_block != bbs || lists->block_size != bbs * scan.M2 / 2) {
    refuse(name, "its lists are not of the blocks that it reads");
  }
  for (size_t list = 0; list < scan.nlist; list++) {
    if (lists->codes[list].size() < block_bytes(lists->list_size(list), bbs, lists->block_size)) {
      refuse(name, "the codes of list " + std::to_string(list) + " are cut");
    }
  }
}

void check_direct_map(const faiss::IndexIVF& index, const std::string& name) {
  const faiss::DirectMap& map = index.direct_map;
  if (map.no()) return;
  if (map.type != faiss::DirectMap::Array || map.array.size() != static_cast<size_t>(index.ntotal)) {
    refuse(name, "its map of rows is of the wrong kind or size");
  }
  for (const faiss::idx_t entry : map.array) {
    const uint64_t list = faiss::lo_listno(entry);
    if (list >= index.nlist || faiss::lo_offset(entry) >= index.invlists->list_size(list)) {
      refuse(name, "its map of rows leads out of its lists");
    }
  }
}

void check_lists(const faiss::IndexIVF& index, const std::string& name) {
  if (index.invlists == nullptr || index.quantizer == nullptr) refuse(name, "its lists are missing");
  const bool untrained = !index.is_trained && index.ntotal == 0 && index.quantizer->ntotal == 0;
  if (index.invlists->nlist != index.nlist || index.quantizer->d != index.d ||
      (!untrained && index.quantizer->ntotal != static_cast<faiss::idx_t>(index.nlist))) {
    refuse(name, "its lists and their quantizer do not fit");
  }
  if (index.invlists->code_size != index.code_size &&
      index.invlists->code_size != faiss::InvertedLists::INVALID_CODE_SIZE) {
    refuse(name, "its lists hold codes of another size");
  }
  if (index.nprobe < 1) refuse(name, "it would visit no list");
  size_t entries = 0;
  for (size_t list = 0; list < index.nlist; list++) {
    const size_t size = index.invlists->list_size(list);
    entries += size;
    const faiss::InvertedLists::ScopedIds ids(index.invlists, list);
    for (size_t i = 0; i < size; i++) {
      if (ids[i] < 0 || ids[i] >= index.ntotal)
        refuse(name, "list " + std::to_string(list) + " names a row that does not exist");
    }
  }
  if (entries != static_cast<size_t>(index.ntotal)) refuse(name, "its lists do not hold all rows");
  check_direct_map(index, name);
  check_structure(*index.quantizer, index.quantizer->ntotal, name);
  if (const auto* pq = dynamic_cast<const faiss::IndexIVFPQ*>(&index)) {
    check_product_quantizer(pq->pq, index.d, name);
    if (pq->code_size < pq->pq.code_size) refuse(name, "its codes are too short");
  }
  if (const auto* sq = dynamic_cast<const faiss::IndexIVFScalarQuantizer*>(&index)) {
    check_scalar_quantizer(sq->sq, index, name);
  }
  if (const auto* scan = dynamic_cast<const faiss::IndexIVFFastScan*>(&index)) check_block_lists(*scan, name);
  if (const auto* scan = dynamic_cast<const faiss::IndexIVFPQFastScan*>(&index)) {
    check_product_quantizer(scan->pq, index.d, name);
  }
}

}  // namespace

void check_structure(const faiss::Index& index, int64_t rows, const std::string& name) {
  if (rows < 0) rows = index.ntotal;
  if (index.ntotal != rows || index.d < 1) refuse(name, "its row counts do not fit");
  if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index)) {
    int64_t dim = index.d;
    for (const auto* step : transform->chain) {
      if (step == nullptr || step->d_in != dim) refuse(name, "its transforms do not fit each other");
      dim = step->d_out;
      if (const auto* linear = dynamic_cast<const faiss::LinearTransform*>(step)) {
        if (linear->is_trained && linear->A.size() != static_cast<size_t>(linear->d_in) * linear->d_out) {
          refuse(name, "a transform's matrix has the wrong size");
        }
      }
    }
    if (transform->index == nullptr || transform->index->d != dim) refuse(name, "its transforms do not fit the index");
    check_structure(*transform->index, rows, name);
  } else if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(&index)) {
    if (refine->base_index == nullptr || refine->refine_index == nullptr)
      refuse(name, "half of its refinement is missing");
    check_structure(*refine->base_index, rows, name);
    check_structure(*refine->refine_index, rows, name);
  } else if (const auto* graph = as_hnsw(&index)) {
    check_graph(*graph, name);
    check_structure(*graph->storage, rows, name);
  } else if (const auto* lists = as_ivf(&index)) {
    check_lists(*lists, name);
  } else if (const auto* codes = as_codes(&index)) {
    if (codes->code_size != codes->sa_code_size() && as_codes(&index)->code_size == 0)
      refuse(name, "its codes have no size");
    if (codes->codes.size() != static_cast<size_t>(rows) * codes->code_size) refuse(name, "its codes are cut");
    if (const auto* pq = dynamic_cast<const faiss::IndexPQ*>(&index)) check_product_quantizer(pq->pq, index.d, name);
    if (const auto* sq = dynamic_cast<const faiss::IndexScalarQuantizer*>(&index)) {
      check_scalar_quantizer(sq->sq, index, name);
    }
  } else if (const auto* scan = dynamic_cast<const faiss::IndexFastScan*>(&index)) {
    check_blocks(*scan, name);
    const auto bbs = static_cast<size_t>(scan->bbs);
    const size_t stored = block_bytes(static_cast<size_t>(rows), bbs, bbs * scan->M2 / 2);
    if (scan->ntotal2 < static_cast<size_t>(rows) || scan->ntotal2 % bbs != 0 ||
        scan->codes.size() < scan->ntotal2 * scan->M2 / 2 || scan->codes.size() < stored) {
      refuse(name, "its codes are cut");
    }
    if (const auto* pq = dynamic_cast<const faiss::IndexPQFastScan*>(scan)) {
      check_product_quantizer(pq->pq, index.d, name);
    }
  }
}

}  // namespace quiver
