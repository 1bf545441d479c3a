#include <faiss/IndexIVFAdditiveQuantizer.h>
#include <faiss/IndexIVFAdditiveQuantizerFastScan.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexIVFPQR.h>
#include <faiss/IndexIVFRaBitQ.h>
#include <faiss/IndexIVFSpectralHash.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/invlists/InvertedLists.h>

#include <cmath>
#include <cstring>

#include "core/inspection.h"
#include "core/structure.h"

namespace quiver {

namespace {

constexpr float kMaxFactor = 10000;  // of a refinement, as in structure_check.cc

// What each entry of a list takes, as it follows from the kind.
size_t code_size_of(const Inspection& inspection, const faiss::IndexIVF& lists) {
  const auto dim = static_cast<size_t>(lists.d);
  if (const auto* flat = dynamic_cast<const faiss::IndexIVFFlat*>(&lists)) {
    if (const auto* dedup = dynamic_cast<const faiss::IndexIVFFlatDedup*>(flat)) {
      if (!dedup->instances.empty()) inspection.unknown("it holds several ids for one vector");
    }
    return dim * sizeof(float);
  }
  if (const auto* sq = dynamic_cast<const faiss::IndexIVFScalarQuantizer*>(&lists)) {
    inspection.quantizer(sq->sq, lists.d, lists.is_trained);
    return sq->sq.code_size;
  }
  if (const auto* pq = dynamic_cast<const faiss::IndexIVFPQ*>(&lists)) {
    inspection.quantizer(pq->pq, lists.d);
    return pq->pq.code_size;
  }
  if (const auto* rabitq = dynamic_cast<const faiss::IndexIVFRaBitQ*>(&lists)) {
    inspection.quantizer(rabitq->rabitq, lists.d, lists.metric_type, rabitq->qb);
    return rabitq->rabitq.code_size;
  }
  if (const auto* additive = dynamic_cast<const faiss::IndexIVFAdditiveQuantizer*>(&lists)) {
    inspection.require(additive->aq != nullptr, "its quantizer is missing");
    inspection.quantizer(*additive->aq, lists.d, lists.metric_type, lists.is_trained);
    return additive->aq->code_size;
  }
  if (const auto* hash = dynamic_cast<const faiss::IndexIVFSpectralHash*>(&lists)) {
    inspection.require(hash->vt != nullptr && hash->nbit > 0 && hash->vt->d_in == lists.d &&
                           hash->vt->d_out == hash->nbit && (hash->vt->is_trained || !lists.is_trained),
                       "its hash does not fit its dimension");
    inspection.transform(*hash->vt);
    inspection.require(std::isnormal(hash->period) && !hash->by_residual, "its hash has no period");
    const auto kind = number_of(hash->threshold_type);
    inspection.require(kind >= 0 && kind <= faiss::IndexIVFSpectralHash::Thresh_median, "its hash is of no known kind");
    inspection.require(hash->threshold_type == faiss::IndexIVFSpectralHash::Thresh_global || !lists.is_trained ||
                           hash->trained.size() >= lists.nlist * static_cast<size_t>(hash->nbit),
                       "its hash lacks thresholds");
    return (static_cast<size_t>(hash->nbit) + 7) / 8;
  }
  inspection.unknown("its lists are of a kind that Quiver does not know");
}

void check_fast_scan(const Inspection& inspection, const faiss::IndexIVFFastScan& lists) {
  size_t parts = 0;
  if (const auto* pq = dynamic_cast<const faiss::IndexIVFPQFastScan*>(&lists)) {
    inspection.quantizer(pq->pq, lists.d);
    inspection.require(pq->pq.nbits == 4, "its codes have not four bits");
    parts = pq->pq.M;
  } else if (const auto* additive = dynamic_cast<const faiss::IndexIVFAdditiveQuantizerFastScan*>(&lists)) {
    inspection.require(additive->aq != nullptr, "its quantizer is missing");
    inspection.quantizer(*additive->aq, lists.d, lists.metric_type, lists.is_trained);
    for (const size_t bits : additive->aq->nbits) inspection.require(bits == 4, "its codes have not four bits");
    const bool l2 = lists.metric_type == faiss::METRIC_L2;
    inspection.require(!l2 || !lists.is_trained || additive->aq->norm_tabs.size() == 32,
                       "its table of norms is missing");
    parts = additive->aq->M + (l2 ? 2 : 0);
  } else {
    inspection.unknown("its lists are of a kind that Quiver does not know");
  }
  inspection.require(lists.M == parts, "its codes have another size");
  inspection.blocks(lists.M, lists.M2, lists.nbits, lists.ksub, lists.bbs);
  const auto* blocks = dynamic_cast<const faiss::BlockInvertedLists*>(lists.invlists);
  inspection.require(blocks != nullptr && blocks->packer != nullptr, "its lists are not in blocks");
  const auto block = static_cast<size_t>(lists.bbs);
  inspection.require(blocks->n_per_block == block && blocks->block_size == block * lists.M2 / 2,
                     "the blocks of its lists have another size");
  inspection.require(blocks->ids.size() == lists.nlist && blocks->codes.size() == lists.nlist, "its lists are cut");
  for (size_t list = 0; list < lists.nlist; list++) {
    const size_t needed = (blocks->ids[list].size() + block - 1) / block;
    inspection.require(blocks->codes[list].size() >= needed * blocks->block_size, "the codes of a list are cut");
  }
}

void check_arrays(const Inspection& inspection, const faiss::IndexIVF& lists) {
  const size_t code_size = code_size_of(inspection, lists);
  const auto* arrays = dynamic_cast<const faiss::ArrayInvertedLists*>(lists.invlists);
  if (arrays == nullptr) inspection.unknown("its lists are kept in a way that Quiver does not know");
  inspection.require(lists.code_size == code_size && arrays->code_size == code_size,
                     "its lists hold codes of another size");
  inspection.require(arrays->ids.size() == lists.nlist && arrays->codes.size() == lists.nlist, "its lists are cut");
  for (size_t list = 0; list < lists.nlist; list++) {
    inspection.require(arrays->codes[list].size() == arrays->ids[list].size() * code_size,
                       "the codes of a list are cut");
  }
}

// Every row in one list, once.
void check_entries(const Inspection& inspection, const faiss::IndexIVF& lists, int64_t rows) {
  std::vector<bool> seen(static_cast<size_t>(rows));
  int64_t entries = 0;
  for (size_t list = 0; list < lists.nlist; list++) {
    const size_t size = lists.invlists->list_size(list);
    faiss::InvertedLists::ScopedIds ids(lists.invlists, list);
    const auto* named = reinterpret_cast<const uint8_t*>(ids.get());  // in a mapped file it lies at any address
    for (size_t i = 0; i < size; i++) {
      int64_t row;
      std::memcpy(&row, named + i * sizeof(row), sizeof(row));
      if (row < 0 || row >= rows || seen[static_cast<size_t>(row)]) {
        inspection.refuse("list " + std::to_string(list) + " names a row that does not exist, or one twice");
      }
      seen[static_cast<size_t>(row)] = true;
      entries++;
    }
  }
  inspection.require(entries == rows, "its lists do not hold all rows");
}

void check_coarse(const Inspection& inspection, const faiss::IndexIVF& lists) {
  const faiss::Index* coarse = lists.quantizer;
  inspection.require(coarse != nullptr && lists.invlists != nullptr, "its lists are missing");
  inspection.require(lists.nlist >= 1 && lists.invlists->nlist == lists.nlist && lists.nprobe >= 1,
                     "its number of lists is wrong");
  inspection.require(coarse->d == lists.d, "its lists and their quantizer do not fit");
  if (as_ivf(base_of(coarse)) != nullptr) inspection.unknown("it finds its lists by other lists");
  if (lists.is_trained) {
    inspection.require(coarse->is_trained && coarse->ntotal == static_cast<int64_t>(lists.nlist),
                       "its lists and their quantizer do not fit");
  }
  inspection.index(*coarse, coarse->ntotal);
}

void check_refinement(const Inspection& inspection, const faiss::IndexIVFPQR& lists, int64_t rows) {
  inspection.quantizer(lists.refine_pq, lists.d);
  inspection.require(lists.refine_codes.size() == static_cast<size_t>(rows) * lists.refine_pq.code_size,
                     "its codes for refinement are cut");
  inspection.require(!(lists.k_factor < 1) && lists.k_factor <= kMaxFactor, "its refinement asks for too many rows");
}

}  // namespace

void Inspection::lists(const faiss::IndexIVF& lists, int64_t rows) const {
  check_coarse(*this, lists);
  if (const auto* scan = dynamic_cast<const faiss::IndexIVFFastScan*>(&lists)) {
    check_fast_scan(*this, *scan);
  } else {
    check_arrays(*this, lists);
  }
  check_entries(*this, lists, rows);
  if (const auto* refined = dynamic_cast<const faiss::IndexIVFPQR*>(&lists)) check_refinement(*this, *refined, rows);
}

}  // namespace quiver
