#include <faiss/impl/LocalSearchQuantizer.h>
#include <faiss/impl/ProductAdditiveQuantizer.h>
#include <faiss/impl/ResidualQuantizer.h>

#include <algorithm>
#include <cmath>

#include "core/inspection.h"

namespace quiver {

namespace {

// A table lookup of 2^24 entries is what FAISS itself calls not practical.
constexpr size_t kMaxBits = 24;
constexpr size_t kMaxParts = 65536;
// Rounds of local search in one add: more would never end.
constexpr size_t kMaxRounds = 10000;
constexpr int kMaxBeam = 4096;
constexpr size_t kMaxChunk = size_t{1} << 24;

void check_linear(const Inspection& inspection, const faiss::LinearTransform& linear) {
  if (!linear.is_trained) return;
  const auto in = static_cast<size_t>(linear.d_in);
  const auto out = static_cast<size_t>(linear.d_out);
  inspection.require(linear.A.size() == in * out && (!linear.have_bias || linear.b.size() == out),
                     "a transform's matrix has the wrong size");
  inspection.require(all_finite(linear.A) && all_finite(linear.b), "a transform's matrix holds what is not a number");
}

void check_itq(const Inspection& inspection, const faiss::ITQTransform& itq) {
  if (!itq.is_trained) return;
  inspection.require(itq.mean.size() == static_cast<size_t>(itq.d_in) && all_finite(itq.mean),
                     "a transform's mean is missing");
  const faiss::LinearTransform& inner = itq.pca_then_itq;
  inspection.require(inner.is_trained && inner.d_in == itq.d_in && inner.d_out == itq.d_out,
                     "a transform's parts do not fit each other");
  check_linear(inspection, inner);
}

void check_remap(const Inspection& inspection, const faiss::RemapDimensionsTransform& remap) {
  inspection.require(remap.map.size() == static_cast<size_t>(remap.d_out), "a transform's map has the wrong size");
  for (const int from : remap.map) {
    inspection.require(from >= -1 && from < remap.d_in, "a transform takes a dimension that does not exist");
  }
}

void check_local_search(const Inspection& inspection, const faiss::LocalSearchQuantizer& lsq) {
  for (const size_t bits : lsq.nbits) {
    inspection.require(lsq.K == size_t{1} << bits, "its codebooks have different sizes");
  }
  const bool rounds = lsq.train_iters <= kMaxRounds && lsq.encode_ils_iters <= kMaxRounds &&
                      lsq.train_ils_iters <= kMaxRounds && lsq.icm_iters <= kMaxRounds;
  inspection.require(rounds && lsq.nperts <= kMaxRounds && lsq.chunk_size >= 1 && lsq.chunk_size <= kMaxChunk,
                     "its quantizer would search without an end");
}

void check_parts(const Inspection& inspection, const faiss::ProductAdditiveQuantizer& product, faiss::MetricType metric,
                 bool trained) {
  const size_t splits = product.nsplits;
  inspection.require(
      splits >= 1 && splits <= product.M && product.d % splits == 0 && product.quantizers.size() == splits,
      "its quantizer's parts are missing");
  size_t parts = 0;
  for (size_t i = 0; i < splits; i++) {
    const faiss::AdditiveQuantizer* part = product.subquantizer(i);
    inspection.require(part != nullptr, "its quantizer's parts are missing");
    inspection.quantizer(*part, static_cast<int64_t>(product.d / splits), metric, trained);
    for (size_t j = 0; j < part->M; j++) {
      inspection.require(parts + j < product.M && product.nbits[parts + j] == part->nbits[j],
                         "its quantizer's parts do not fit each other");
    }
    parts += part->M;
  }
  inspection.require(parts == product.M, "its quantizer's parts do not fit each other");
}

// How the norm of a vector is kept beside its code.
void check_norms(const Inspection& inspection, const faiss::AdditiveQuantizer& aq, faiss::MetricType metric,
                 bool trained) {
  using Kind = faiss::AdditiveQuantizer::Search_type_t;
  const int number = number_of(aq.search_type);
  inspection.require(
      number >= faiss::AdditiveQuantizer::ST_decompress && number <= faiss::AdditiveQuantizer::ST_norm_rq2x4,
      "its quantizer keeps norms in no known way");
  const Kind kind = aq.search_type;
  if (!trained || metric != faiss::METRIC_L2) return;
  const auto norms = static_cast<size_t>(aq.qnorm.ntotal);
  switch (kind) {
    case faiss::AdditiveQuantizer::ST_norm_cqint4:
      inspection.require(norms >= 16, "its quantizer's norms are cut");
      break;
    case faiss::AdditiveQuantizer::ST_norm_cqint8:
    case faiss::AdditiveQuantizer::ST_norm_lsq2x4:
    case faiss::AdditiveQuantizer::ST_norm_rq2x4:
      inspection.require(norms >= 256, "its quantizer's norms are cut");
      break;
    default:
      break;
  }
}

}  // namespace

bool all_finite(const std::vector<float>& values) {
  // A sum of finite numbers in double never overflows here, and one bad number spoils it.
  double sum = 0;
  for (const float value : values) sum += value;
  return std::isfinite(sum);
}

void Inspection::transform(const faiss::VectorTransform& step) const {
  constexpr int kMaxDim = 1 << 20;
  require(step.d_in >= 1 && step.d_out >= 1 && step.d_in <= kMaxDim && step.d_out <= kMaxDim,
          "a transform has no dimensions");
  if (const auto* linear = dynamic_cast<const faiss::LinearTransform*>(&step)) {
    check_linear(*this, *linear);
  } else if (const auto* remap = dynamic_cast<const faiss::RemapDimensionsTransform*>(&step)) {
    check_remap(*this, *remap);
  } else if (const auto* itq = dynamic_cast<const faiss::ITQTransform*>(&step)) {
    check_itq(*this, *itq);
  } else if (const auto* centering = dynamic_cast<const faiss::CenteringTransform*>(&step)) {
    require(step.d_in == step.d_out && (!step.is_trained || centering->mean.size() == static_cast<size_t>(step.d_in)) &&
                all_finite(centering->mean),
            "a transform's mean is missing");
  } else if (const auto* normalization = dynamic_cast<const faiss::NormalizationTransform*>(&step)) {
    require(step.d_in == step.d_out && normalization->norm == 2, "a transform normalises in no known way");
  } else {
    unknown("it holds a transform that Quiver does not know");
  }
}

void Inspection::quantizer(const faiss::ProductQuantizer& pq, int64_t dim) const {
  const bool sizes = pq.d == static_cast<size_t>(dim) && pq.M >= 1 && pq.M <= pq.d && pq.d % pq.M == 0 &&
                     pq.nbits >= 1 && pq.nbits <= kMaxBits && pq.ksub == size_t{1} << pq.nbits &&
                     pq.dsub == pq.d / pq.M && pq.code_size == (pq.nbits * pq.M + 7) / 8;
  require(sizes && pq.centroids.size() == pq.d * pq.ksub, "its product quantizer has wrong sizes");
  require(all_finite(pq.centroids), "its product quantizer holds what is not a number");
}

void Inspection::quantizer(const faiss::ScalarQuantizer& sq, int64_t dim, bool trained) const {
  using Kind = faiss::ScalarQuantizer::QuantizerType;
  const int number = number_of(sq.qtype), range_kind = number_of(sq.rangestat);
  require(number >= faiss::ScalarQuantizer::QT_8bit && number <= faiss::ScalarQuantizer::QT_8bit_direct_signed,
          "its scalar quantizer is of no known kind");
  const Kind kind = sq.qtype;
  require(sq.d == static_cast<size_t>(dim) &&
              sq.code_size == faiss::ScalarQuantizer(static_cast<size_t>(dim), kind).code_size,
          "its scalar quantizer has wrong sizes");
  require(range_kind >= faiss::ScalarQuantizer::RS_minmax && range_kind <= faiss::ScalarQuantizer::RS_optim,
          "its scalar quantizer takes its range in no known way");
  if (!trained) return;
  size_t range = 0;
  if (kind == faiss::ScalarQuantizer::QT_8bit || kind == faiss::ScalarQuantizer::QT_4bit ||
      kind == faiss::ScalarQuantizer::QT_6bit) {
    range = 2 * sq.d;
  } else if (kind == faiss::ScalarQuantizer::QT_8bit_uniform || kind == faiss::ScalarQuantizer::QT_4bit_uniform) {
    range = 2;
  }
  require(sq.trained.size() >= range && all_finite(sq.trained), "its scalar quantizer's range is missing");
}

void Inspection::quantizer(const faiss::RaBitQuantizer& rabitq, int64_t dim, faiss::MetricType metric,
                           int query_bits) const {
  const auto d = static_cast<size_t>(dim);
  require(rabitq.d == d && number_of(rabitq.metric_type) == metric &&
              rabitq.code_size == faiss::RaBitQuantizer(d, metric).code_size,
          "its quantizer has wrong sizes");
  require(query_bits >= 0 && query_bits <= 8, "it would round queries to more than 8 bits");
}

void Inspection::quantizer(const faiss::AdditiveQuantizer& aq, int64_t dim, faiss::MetricType metric,
                           bool trained) const {
  const char* wrong = "its additive quantizer has wrong sizes";
  require(aq.d == static_cast<size_t>(dim) && aq.M >= 1 && aq.M <= kMaxParts && aq.nbits.size() == aq.M &&
              (aq.is_trained || !trained),
          wrong);
  size_t entries = 0;
  for (const size_t bits : aq.nbits) {
    require(bits >= 1 && bits <= kMaxBits, wrong);
    entries += size_t{1} << bits;
  }
  require(aq.codebook_offsets.size() == aq.M + 1 && aq.codebook_offsets[aq.M] == entries &&
              aq.total_codebook_size == entries,
          wrong);
  check_norms(*this, aq, metric, trained);
  if (const auto* lsq = dynamic_cast<const faiss::LocalSearchQuantizer*>(&aq)) check_local_search(*this, *lsq);
  if (const auto* rq = dynamic_cast<const faiss::ResidualQuantizer*>(&aq)) {
    require(rq->max_beam_size >= 1 && rq->max_beam_size <= kMaxBeam, "its quantizer's beam is out of range");
  }
  if (const auto* product = dynamic_cast<const faiss::ProductAdditiveQuantizer*>(&aq)) {
    check_parts(*this, *product, metric, trained);
  }
  if (!trained) return;
  const auto* product = dynamic_cast<const faiss::ProductAdditiveQuantizer*>(&aq);
  const size_t width = product != nullptr ? aq.d / product->nsplits : aq.d;
  require(aq.codebooks.size() == entries * width && all_finite(aq.codebooks), wrong);
}

}  // namespace quiver
