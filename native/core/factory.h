// From a description to an empty FAISS index, with limits that FAISS itself does not have.
#pragma once

#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <string>

namespace quiver {

enum class Metric { kL2, kInnerProduct, kCosine, kL1, kLinf, kLp, kCanberra, kBrayCurtis, kJensenShannon, kJaccard };

const char* metric_name(Metric metric);
// Throws E_ARGUMENT for a name that is none.
Metric metric_from_name(const std::string& name);
faiss::MetricType faiss_metric(Metric metric);
// By its number: what a file calls a metric must not be read as one before it is known to be.
bool is_known_metric(int metric);
// Larger is nearer.
bool is_similarity(Metric metric);

struct Spec {
  int64_t dim = 0;
  Metric metric = Metric::kL2;
  float metric_arg = 2;
  std::string factory;      // FAISS factory string
  int ef_construction = 0;  // hnsw; 0 leaves FAISS's default
  int ef_search = 0;        // hnsw
  int nprobe = 0;           // ivf
};

// Throws E_ARGUMENT, E_DIMENSION, E_RANGE or E_FAISS with what FAISS said.
std::unique_ptr<faiss::Index> make_index(const Spec& spec);
// Sets efConstruction, efSearch and nprobe wherever the nest has them; 0 leaves a value as it is.
void set_parameters(faiss::Index* index, int ef_construction, int ef_search, int nprobe);

}  // namespace quiver
