#include "core/describe.h"

#include <faiss/IndexAdditiveQuantizer.h>
#include <faiss/IndexIVFAdditiveQuantizer.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexIVFRaBitQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRaBitQ.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/LocalSearchQuantizer.h>
#include <faiss/impl/ProductAdditiveQuantizer.h>
#include <faiss/impl/ResidualQuantizer.h>

#include "core/structure.h"

namespace quiver {

namespace {

template <typename T, typename From>
const T* as(const From* part) {
  return dynamic_cast<const T*>(part);
}

std::string transform_name(const faiss::VectorTransform* step) {
  const std::string out = std::to_string(step->d_out);
  if (const auto* pca = as<faiss::PCAMatrix>(step)) return (pca->random_rotation ? "PCAR" : "PCA") + out;
  if (as<faiss::RandomRotationMatrix>(step) != nullptr) return "RR" + out;
  if (const auto* opq = as<faiss::OPQMatrix>(step)) return "OPQ" + std::to_string(opq->M) + "_" + out;
  if (as<faiss::LinearTransform>(step) != nullptr) return "Linear" + out;
  if (as<faiss::ITQTransform>(step) != nullptr) return "ITQ" + out;
  if (as<faiss::RemapDimensionsTransform>(step) != nullptr) return "Pad" + out;
  if (as<faiss::NormalizationTransform>(step) != nullptr) return "L2norm";
  return "Transform" + out;
}

std::string quantizer_name(const faiss::ProductQuantizer& pq) {
  return "PQ" + std::to_string(pq.M) + "x" + std::to_string(pq.nbits);
}

std::string quantizer_name(const faiss::ScalarQuantizer& sq) {
  switch (sq.qtype) {
    case faiss::ScalarQuantizer::QT_8bit:
      return "SQ8";
    case faiss::ScalarQuantizer::QT_4bit:
      return "SQ4";
    case faiss::ScalarQuantizer::QT_6bit:
      return "SQ6";
    case faiss::ScalarQuantizer::QT_fp16:
      return "SQfp16";
    case faiss::ScalarQuantizer::QT_bf16:
      return "SQbf16";
    default:
      return "SQ";
  }
}

std::string quantizer_name(const faiss::AdditiveQuantizer& aq) {
  size_t parts = aq.M;
  std::string name = as<faiss::ResidualQuantizer>(&aq) != nullptr ? "RQ" : "LSQ";
  if (const auto* product = as<faiss::ProductAdditiveQuantizer>(&aq); product != nullptr && product->nsplits > 0) {
    parts /= product->nsplits;
    name = (as<faiss::ProductResidualQuantizer>(product) != nullptr ? "PRQ" : "PLSQ") +
           std::to_string(product->nsplits) + "x";
  }
  return name + std::to_string(parts) + (aq.nbits.empty() ? "" : "x" + std::to_string(aq.nbits[0]));
}

std::string graph_name(const faiss::IndexHNSW& graph) {
  const auto& links = graph.hnsw.cum_nneighbor_per_level;
  return "HNSW" + std::to_string(links.size() > 1 ? links[1] / 2 : 0);
}

std::string codes_name(const faiss::IndexIVF* lists) {
  if (as<faiss::IndexIVFFlat>(lists) != nullptr) return "Flat";
  if (const auto* pq = as<faiss::IndexIVFPQ>(lists)) return quantizer_name(pq->pq);
  if (const auto* sq = as<faiss::IndexIVFScalarQuantizer>(lists)) return quantizer_name(sq->sq);
  if (const auto* scan = as<faiss::IndexIVFPQFastScan>(lists)) {
    return quantizer_name(scan->pq) + (scan->by_residual ? "fsr" : "fs");
  }
  if (const auto* additive = as<faiss::IndexIVFAdditiveQuantizer>(lists)) return quantizer_name(*additive->aq);
  if (as<faiss::IndexIVFRaBitQ>(lists) != nullptr) return "RaBitQ";
  return std::to_string(lists->code_size) + " bytes";
}

}  // namespace

std::string describe(const faiss::Index* index) {
  if (const auto* transform = as<faiss::IndexPreTransform>(index)) {
    std::string name;
    for (const auto* step : transform->chain) name += transform_name(step) + ",";
    return name + describe(transform->index);
  }
  if (const auto* refine = as<faiss::IndexRefine>(index)) {
    const std::string fine = describe(refine->refine_index);
    return describe(refine->base_index) + (fine == "Flat" ? ",RFlat" : ",Refine(" + fine + ")");
  }
  if (const auto* graph = as_hnsw(index)) {
    return graph_name(*graph) + "," + describe(graph->storage);
  }
  if (const auto* lists = as_ivf(index)) {
    std::string name = "IVF" + std::to_string(lists->nlist);
    if (const auto* graph = as_hnsw(lists->quantizer)) name += "_" + graph_name(*graph);
    return name + "," + codes_name(lists);
  }
  if (const auto* pq = as<faiss::IndexPQ>(index)) return quantizer_name(pq->pq);
  if (const auto* scan = as<faiss::IndexPQFastScan>(index)) return quantizer_name(scan->pq) + "fs";
  if (const auto* sq = as<faiss::IndexScalarQuantizer>(index)) return quantizer_name(sq->sq);
  if (const auto* additive = as<faiss::IndexAdditiveQuantizer>(index)) return quantizer_name(*additive->aq);
  if (as<faiss::IndexRaBitQ>(index) != nullptr) return "RaBitQ";
  return kind_of(index);
}

}  // namespace quiver
