#include "core/structure_check.h"

#include <faiss/Index2Layer.h>
#include <faiss/IndexAdditiveQuantizer.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/invlists/DirectMap.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/factory.h"
#include "core/inspection.h"
#include "core/structure.h"

namespace quiver {

namespace {

constexpr int64_t kMaxRows = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxDim = 65536;
// A refinement fetches k * k_factor rows: more than this is a mistake or an attack.
constexpr float kMaxFactor = 10000;

void check_pretransform(const Inspection& inspection, const faiss::IndexPreTransform& outer, int64_t rows) {
  int64_t dim = outer.d;
  for (const auto* step : outer.chain) {
    inspection.require(step != nullptr && step->d_in == dim, "its transforms do not fit each other");
    inspection.require(step->is_trained || !outer.is_trained, "a transform is not trained");
    inspection.transform(*step);
    dim = step->d_out;
  }
  inspection.require(outer.index != nullptr && outer.index->d == dim, "its transforms do not fit the index");
  inspection.require(number_of(outer.index->metric_type) == outer.metric_type, "its parts use different metrics");
  inspection.require(outer.index->is_trained || !outer.is_trained, "a part of it is not trained");
  inspection.index(*outer.index, rows);
}

void check_refinement(const Inspection& inspection, const faiss::IndexRefine& refine, int64_t rows) {
  for (const auto* part : {refine.base_index, refine.refine_index}) {
    inspection.require(part != nullptr, "half of its refinement is missing");
    inspection.require(part->d == refine.d && number_of(part->metric_type) == refine.metric_type,
                       "the halves of its refinement do not fit each other");
    inspection.require(part->is_trained || !refine.is_trained, "a part of it is not trained");
    inspection.index(*part, rows);
  }
  // The negation is true for NaN as well.
  inspection.require(!(refine.k_factor < 1) && refine.k_factor <= kMaxFactor, "its refinement asks for too many rows");
  // FAISS takes distances one by one from the second half, in a region that must not throw.
  if (as_codes(refine.refine_index) == nullptr && as_hnsw(refine.refine_index) == nullptr) {
    inspection.unknown("it refines by an index that cannot compare single rows");
  }
}

// A coarse quantizer that only computes: it holds no vectors, but codebooks whose sums are the centroids.
void check_multi_index(const Inspection& inspection, const faiss::MultiIndexQuantizer& multi, int64_t rows) {
  if (!multi.is_trained && rows == 0) return;
  inspection.quantizer(multi.pq, multi.d);
  inspection.require(multi.pq.M * multi.pq.nbits < 31 && rows == int64_t{1} << (multi.pq.M * multi.pq.nbits),
                     "its quantizer's row count is wrong");
}

void check_additive_coarse(const Inspection& inspection, const faiss::AdditiveCoarseQuantizer& coarse, int64_t rows) {
  inspection.require(coarse.aq != nullptr, "its quantizer is missing");
  inspection.quantizer(*coarse.aq, coarse.d, coarse.metric_type, coarse.is_trained);
  if (!coarse.is_trained) return;
  inspection.require(coarse.aq->tot_bits < 31 && rows == int64_t{1} << coarse.aq->tot_bits,
                     "its quantizer's row count is wrong");
  inspection.require(
      coarse.metric_type != faiss::METRIC_L2 || coarse.centroid_norms.size() == static_cast<size_t>(rows),
      "its quantizer's norms are missing");
}

}  // namespace

void Inspection::refuse(const std::string& what) const {
  throw Error(code::kCorrupt, name_ + " cannot be used: " + what + ".", "a sound index", what);
}

void Inspection::unknown(const std::string& what) const {
  throw Error(code::kUnsupported, name_ + " cannot be used: " + what + ".", "a kind of index that Quiver knows", what);
}

void Inspection::index(const faiss::Index& index, int64_t rows) const {
  require(index.ntotal == rows && rows >= 0 && rows <= kMaxRows, "its row counts do not fit");
  require(index.d >= 1 && index.d <= kMaxDim, "its dimension is not from 1 to 65,536");
  require(index.is_trained || rows == 0, "it holds vectors, but is not trained");
  const int metric = number_of(index.metric_type);
  if (!is_known_metric(metric)) unknown("it uses a metric that Quiver does not know");
  const bool plain = metric == faiss::METRIC_L2 || metric == faiss::METRIC_INNER_PRODUCT;
  if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index)) {
    check_pretransform(*this, *transform, rows);
  } else if (const auto* graph = as_hnsw(&index)) {
    this->graph(*graph, rows);
  } else if (const auto* flat = dynamic_cast<const faiss::IndexFlat*>(&index)) {
    codes(*flat, rows);
  } else if (!plain) {
    unknown("this kind knows no other metrics than l2 and ip");
  } else if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(&index)) {
    check_refinement(*this, *refine, rows);
  } else if (const auto* lists = as_ivf(&index)) {
    this->lists(*lists, rows);
  } else if (const auto* codes = as_codes(&index)) {
    this->codes(*codes, rows);
  } else if (const auto* scan = dynamic_cast<const faiss::IndexFastScan*>(&index)) {
    fast_scan(*scan, rows);
  } else if (const auto* multi = dynamic_cast<const faiss::MultiIndexQuantizer*>(&index)) {
    check_multi_index(*this, *multi, rows);
  } else if (const auto* coarse = dynamic_cast<const faiss::AdditiveCoarseQuantizer*>(&index)) {
    check_additive_coarse(*this, *coarse, rows);
  } else {
    unknown("it is or holds a kind of index that Quiver does not know");
  }
}

void check_structure(const faiss::Index& index, int64_t rows, const std::string& name) {
  Inspection(name).index(index, rows < 0 ? index.ntotal : rows);
}

}  // namespace quiver
