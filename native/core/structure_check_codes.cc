#include <faiss/Index2Layer.h>
#include <faiss/IndexAdditiveQuantizer.h>
#include <faiss/IndexAdditiveQuantizerFastScan.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexLSH.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexRaBitQ.h>
#include <faiss/IndexScalarQuantizer.h>

#include "core/factory.h"
#include "core/inspection.h"

namespace quiver {

namespace {

constexpr int kMaxBlock = 1 << 12;  // FAISS uses 32 to 128

size_t size_of_lsh(const Inspection& inspection, const faiss::IndexLSH& lsh) {
  inspection.require(lsh.nbits >= 1, "its codes have no bits");
  const auto bits = static_cast<size_t>(lsh.nbits);
  if (lsh.rotate_data) {
    inspection.require(lsh.rrot.is_trained && lsh.rrot.d_in == lsh.d && lsh.rrot.d_out == lsh.nbits,
                       "its rotation does not fit");
    inspection.transform(lsh.rrot);
  } else {
    inspection.require(lsh.nbits <= lsh.d, "its codes have more bits than dimensions");
  }
  inspection.require(!lsh.train_thresholds || !lsh.is_trained || lsh.thresholds.size() == bits,
                     "its thresholds are missing");
  return (bits + 7) / 8;
}

size_t size_of_two_layers(const Inspection& inspection, const faiss::Index2Layer& layers) {
  const faiss::Index* coarse = layers.q1.quantizer;
  inspection.require(coarse != nullptr && coarse->d == layers.d && layers.q1.nlist >= 1, "its first layer is missing");
  inspection.require(
      !layers.is_trained || (coarse->is_trained && coarse->ntotal == static_cast<int64_t>(layers.q1.nlist)),
      "its two layers do not fit each other");
  inspection.index(*coarse, coarse->ntotal);
  inspection.quantizer(layers.pq, layers.d);
  size_t bytes = 0;
  for (size_t left = layers.q1.nlist - 1; left > 0; left >>= 8) bytes++;
  inspection.require(layers.code_size_1 == bytes && layers.code_size_2 == layers.pq.code_size,
                     "its two layers have wrong sizes");
  return bytes + layers.pq.code_size;
}

// What one code takes, as it follows from the kind.
size_t code_size_of(const Inspection& inspection, const faiss::IndexFlatCodes& codes) {
  if (dynamic_cast<const faiss::IndexFlat*>(&codes) != nullptr) {
    return static_cast<size_t>(codes.d) * sizeof(float);
  }
  if (const auto* pq = dynamic_cast<const faiss::IndexPQ*>(&codes)) {
    inspection.quantizer(pq->pq, codes.d);
    return pq->pq.code_size;
  }
  if (const auto* sq = dynamic_cast<const faiss::IndexScalarQuantizer*>(&codes)) {
    inspection.quantizer(sq->sq, codes.d, codes.is_trained);
    return sq->sq.code_size;
  }
  if (const auto* rabitq = dynamic_cast<const faiss::IndexRaBitQ*>(&codes)) {
    inspection.quantizer(rabitq->rabitq, codes.d, codes.metric_type, rabitq->qb);
    inspection.require(
        !codes.is_trained || (rabitq->center.size() == static_cast<size_t>(codes.d) && all_finite(rabitq->center)),
        "its center is missing");
    return rabitq->rabitq.code_size;
  }
  if (const auto* additive = dynamic_cast<const faiss::IndexAdditiveQuantizer*>(&codes)) {
    inspection.require(additive->aq != nullptr, "its quantizer is missing");
    inspection.quantizer(*additive->aq, codes.d, codes.metric_type, codes.is_trained);
    return additive->aq->code_size;
  }
  if (const auto* lsh = dynamic_cast<const faiss::IndexLSH*>(&codes)) return size_of_lsh(inspection, *lsh);
  if (const auto* layers = dynamic_cast<const faiss::Index2Layer*>(&codes)) {
    return size_of_two_layers(inspection, *layers);
  }
  inspection.unknown("it keeps codes of a kind that Quiver does not know");
}

}  // namespace

void Inspection::codes(const faiss::IndexFlatCodes& codes, int64_t rows) const {
  require(codes.code_size == code_size_of(*this, codes) && codes.code_size > 0, "its codes have another size");
  require(codes.codes.size() == static_cast<size_t>(rows) * codes.code_size, "its codes are cut");
}

void Inspection::blocks(size_t parts, size_t parts_rounded, size_t bits, size_t table, int block) const {
  require(bits == 4 && table == 16 && parts >= 1 && parts_rounded == parts + parts % 2, "its codes have another size");
  require(block >= 32 && block % 32 == 0 && block <= kMaxBlock, "the blocks of its codes have another size");
}

void Inspection::fast_scan(const faiss::IndexFastScan& scan, int64_t rows) const {
  size_t parts = 0;
  if (const auto* pq = dynamic_cast<const faiss::IndexPQFastScan*>(&scan)) {
    quantizer(pq->pq, scan.d);
    require(pq->pq.nbits == 4, "its codes have not four bits");
    parts = pq->pq.M;
  } else if (const auto* additive = dynamic_cast<const faiss::IndexAdditiveQuantizerFastScan*>(&scan)) {
    require(additive->aq != nullptr, "its quantizer is missing");
    quantizer(*additive->aq, scan.d, scan.metric_type, scan.is_trained);
    for (const size_t bits : additive->aq->nbits) require(bits == 4, "its codes have not four bits");
    const bool l2 = scan.metric_type == faiss::METRIC_L2;
    require(!l2 || !scan.is_trained || additive->aq->norm_tabs.size() == 32, "its table of norms is missing");
    parts = additive->aq->M + (l2 ? 2 : 0);
  } else {
    unknown("it keeps codes of a kind that Quiver does not know");
  }
  require(scan.M == parts && scan.code_size == (parts + 1) / 2, "its codes have another size");
  blocks(scan.M, scan.M2, scan.nbits, scan.ksub, scan.bbs);
  if (rows == 0) return;
  const auto block = static_cast<size_t>(scan.bbs);
  const size_t padded = (static_cast<size_t>(rows) + block - 1) / block * block;
  require(scan.ntotal2 == padded && scan.codes.size() >= padded * scan.M2 / 2, "its codes are cut");
}

}  // namespace quiver
