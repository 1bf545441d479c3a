#include "core/factory.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/FaissException.h>
#include <faiss/index_factory.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/error.h"
#include "core/residual_lists.h"
#include "core/structure.h"
#include "core/training.h"

namespace quiver {

namespace {

struct MetricEntry {
  Metric metric;
  const char* name;
  faiss::MetricType faiss;
};

constexpr std::array<MetricEntry, 10> kMetrics = {{
    {Metric::kL2, "l2", faiss::METRIC_L2},
    {Metric::kInnerProduct, "ip", faiss::METRIC_INNER_PRODUCT},
    {Metric::kCosine, "cosine", faiss::METRIC_INNER_PRODUCT},
    {Metric::kL1, "l1", faiss::METRIC_L1},
    {Metric::kLinf, "linf", faiss::METRIC_Linf},
    {Metric::kLp, "lp", faiss::METRIC_Lp},
    {Metric::kCanberra, "canberra", faiss::METRIC_Canberra},
    {Metric::kBrayCurtis, "braycurtis", faiss::METRIC_BrayCurtis},
    {Metric::kJensenShannon, "jensenshannon", faiss::METRIC_JensenShannon},
    {Metric::kJaccard, "jaccard", faiss::METRIC_Jaccard},
}};

constexpr int64_t kMaxDim = 65536;
constexpr size_t kMaxFactoryLength = 256;
// No number in a factory string is larger in earnest; `IVF1000000000` would take the machine's memory at once.
constexpr int64_t kMaxFactoryNumber = 1 << 22;

void check_factory(const std::string& factory) {
  if (factory.empty() || factory.size() > kMaxFactoryLength) {
    throw Error(code::kArgument, "A FAISS factory string has 1 to 256 characters.", "1 to 256 characters",
                std::to_string(factory.size()));
  }
  if (factory.find("IDMap") != std::string::npos) {
    throw Error(code::kArgument, "Leave IDMap out of the factory string: every Quiver index takes ids by itself.",
                "a factory string without IDMap", factory);
  }
  if (factory.find("NSG") != std::string::npos || factory.find("NNDescent") != std::string::npos) {
    throw Error(code::kUnsupported,
                "NSG and NNDescent graphs are built once and cannot grow; use HNSW (\"HNSW32,Flat\") instead.",
                "a kind that takes vectors at any time", factory);
  }
  if (factory.find("ZnLattice") != std::string::npos) {
    throw Error(code::kUnsupported, "FAISS does not write the codes of a lattice to a file; use SQ or PQ instead.",
                "a kind that can be saved", factory);
  }
  int64_t number = 0;
  for (char c : factory) {
    number = std::isdigit(static_cast<unsigned char>(c)) != 0 ? number * 10 + (c - '0') : 0;
    if (number > kMaxFactoryNumber) {
      throw Error(code::kRange, "A number in the factory string \"" + factory + "\" is too large.", "<= 4194304",
                  factory);
    }
  }
}

// FAISS's factory knows only l2 and inner product in most kinds; the other metrics exist on Flat.
bool is_plain_metric(Metric metric) {
  return metric == Metric::kL2 || metric == Metric::kInnerProduct || metric == Metric::kCosine;
}

}  // namespace

const char* metric_name(Metric metric) {
  return kMetrics[static_cast<size_t>(metric)].name;
}

Metric metric_from_name(const std::string& name) {
  for (const auto& entry : kMetrics) {
    if (name == entry.name) return entry.metric;
  }
  std::string all;
  for (const auto& entry : kMetrics) all += std::string(all.empty() ? "" : ", ") + entry.name;
  throw Error(code::kArgument, "There is no metric \"" + name + "\". Choose one of " + all + ".", all, name);
}

faiss::MetricType faiss_metric(Metric metric) {
  return kMetrics[static_cast<size_t>(metric)].faiss;
}

bool is_known_metric(int metric) {
  return std::any_of(kMetrics.begin(), kMetrics.end(),
                     [&](const MetricEntry& entry) { return static_cast<int>(entry.faiss) == metric; });
}

bool is_similarity(Metric metric) {
  return faiss::is_similarity_metric(faiss_metric(metric));
}

std::unique_ptr<faiss::Index> make_index(const Spec& spec) {
  if (spec.dim < 1 || spec.dim > kMaxDim) {
    throw Error(code::kDimension, "dim must be an integer from 1 to 65,536, but is " + std::to_string(spec.dim) + ".",
                "1 to 65536", std::to_string(spec.dim));
  }
  check_factory(spec.factory);
  if (!is_plain_metric(spec.metric) && spec.factory != "Flat") {
    throw Error(code::kUnsupported,
                std::string("The metric ") + metric_name(spec.metric) +
                    " works on type 'flat' only: graphs and lists of FAISS know l2, ip and cosine.",
                "type 'flat'", spec.factory);
  }
  try {
    std::unique_ptr<faiss::Index> index;
    if (spec.factory == "Flat" && !is_plain_metric(spec.metric)) {
      index = std::make_unique<faiss::IndexFlat>(spec.dim, faiss_metric(spec.metric));
    } else {
      index.reset(faiss::index_factory(static_cast<int>(spec.dim), spec.factory.c_str(), faiss_metric(spec.metric)));
    }
    if (index->metric_type != faiss_metric(spec.metric)) {
      // FAISS takes the metric, makes an l2 index all the same, and says nothing.
      throw Error(code::kUnsupported,
                  "FAISS knows \"" + spec.factory + "\" for l2 only. Use HNSW with SQ8, or IVF with PQ, for " +
                      metric_name(spec.metric) + ".",
                  "the metric l2", metric_name(spec.metric));
    }
    mend_residual_lists(index);
    index->metric_arg = spec.metric_arg;
    calm_training(index.get());
    set_parameters(index.get(), spec.ef_construction, spec.ef_search, spec.nprobe);
    return index;
  } catch (const faiss::FaissException& e) {
    throw Error(
        code::kFaiss,
        "FAISS cannot make an index from \"" + spec.factory + "\" with dim " + std::to_string(spec.dim) + ": " + e.msg,
        "a FAISS factory string", spec.factory);
  }
}

void set_parameters(faiss::Index* index, int ef_construction, int ef_search, int nprobe) {
  faiss::Index* base = base_of(index);
  if (auto* hnsw = as_hnsw(base)) {
    if (ef_construction > 0) hnsw->hnsw.efConstruction = ef_construction;
    if (ef_search > 0) hnsw->hnsw.efSearch = ef_search;
  }
  if (auto* ivf = as_ivf(base)) {
    if (nprobe > 0) ivf->nprobe = std::min(static_cast<size_t>(nprobe), ivf->nlist);
  }
}

}  // namespace quiver
