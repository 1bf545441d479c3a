#include "core/training.h"

#include <faiss/IndexAdditiveQuantizer.h>
#include <faiss/IndexIVFAdditiveQuantizer.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexIVFPQR.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/ProductAdditiveQuantizer.h>
#include <faiss/impl/ProductQuantizer.h>
#include <faiss/impl/ResidualQuantizer.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/structure.h"

namespace quiver {

namespace {

thread_local const Ticket* running = nullptr;

// FAISS asks this between the blocks of a long call. It is process-wide, so it finds the call by its thread.
struct TicketInterrupt final : faiss::InterruptCallback {
  bool want_interrupt() override {
    return (running != nullptr && running->aborted()) || shutting_down().load(std::memory_order_relaxed);
  }
};

void install_interrupt() {
  static std::once_flag once;
  std::call_once(once, [] { faiss::InterruptCallback::instance = std::make_unique<TicketInterrupt>(); });
}

// Gives each OPQ of a nest a quantizer that keeps quiet about small samples. They must live while it trains.
std::vector<std::unique_ptr<faiss::ProductQuantizer>> silence_rotations(faiss::Index& index) {
  std::vector<std::unique_ptr<faiss::ProductQuantizer>> quantizers;
  auto* transform = dynamic_cast<faiss::IndexPreTransform*>(&index);
  if (transform == nullptr) return quantizers;
  for (auto* step : transform->chain) {
    auto* rotation = dynamic_cast<faiss::OPQMatrix*>(step);
    if (rotation == nullptr || rotation->pq != nullptr) continue;
    quantizers.push_back(std::make_unique<faiss::ProductQuantizer>(rotation->d_out, rotation->M, 8));
    quantizers.back()->cp.min_points_per_centroid = 1;
    rotation->pq = quantizers.back().get();
  }
  return quantizers;
}

void calm_additive(faiss::AdditiveQuantizer* quantizer) {
  if (auto* residual = dynamic_cast<faiss::ResidualQuantizer*>(quantizer)) residual->cp.min_points_per_centroid = 1;
  if (auto* product = dynamic_cast<faiss::ProductAdditiveQuantizer*>(quantizer)) {
    for (auto* part : product->quantizers) calm_additive(part);
  }
}

}  // namespace

// Two defaults of FAISS that do not suit a service: it prints to stderr when there are few training points for each
// centroid, and it trains plain PQ for polysemous search, which nobody asked for, takes a minute and cannot be stopped.
void calm_training(faiss::Index* index) {
  if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index)) calm_training(refine->refine_index);
  faiss::Index* base = base_of(index);
  if (auto* ivf = as_ivf(base)) {
    ivf->cp.min_points_per_centroid = 1;
    calm_training(ivf->quantizer);
  }
  if (auto* ivf_pq = dynamic_cast<faiss::IndexIVFPQ*>(base)) {
    ivf_pq->pq.cp.min_points_per_centroid = 1;
    ivf_pq->do_polysemous_training = false;
  }
  if (auto* refined = dynamic_cast<faiss::IndexIVFPQR*>(base)) refined->refine_pq.cp.min_points_per_centroid = 1;
  if (auto* pq = dynamic_cast<faiss::IndexPQ*>(base)) {
    pq->pq.cp.min_points_per_centroid = 1;
    pq->do_polysemous_training = false;
  }
  if (auto* scan = dynamic_cast<faiss::IndexPQFastScan*>(base)) scan->pq.cp.min_points_per_centroid = 1;
  if (auto* scan = dynamic_cast<faiss::IndexIVFPQFastScan*>(base)) scan->pq.cp.min_points_per_centroid = 1;
  if (auto* codes = dynamic_cast<faiss::IndexAdditiveQuantizer*>(base)) calm_additive(codes->aq);
  if (auto* lists = dynamic_cast<faiss::IndexIVFAdditiveQuantizer*>(base)) calm_additive(lists->aq);
  if (auto* graph = as_hnsw(base)) calm_training(graph->storage);
}

void train_index(faiss::Index& index, int64_t n, const float* x, const Ticket& ticket) {
  install_interrupt();
  running = &ticket;
  // OPQ trains a product quantizer of its own, and FAISS prints a warning for each of its rounds.
  std::vector<std::unique_ptr<faiss::ProductQuantizer>> quiet = silence_rotations(index);
  auto finish = [&] {
    running = nullptr;
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(&index); transform != nullptr && !quiet.empty()) {
      for (auto* step : transform->chain) {
        if (auto* rotation = dynamic_cast<faiss::OPQMatrix*>(step)) rotation->pq = nullptr;
      }
    }
  };
  try {
    index.train(n, x);
    finish();
  } catch (const faiss::FaissException& e) {
    finish();
    ticket.check();
    throw Error(code::kFaiss, "FAISS could not train the index: " + e.msg, "vectors that the kind can learn from",
                std::to_string(n) + " vectors");
  } catch (...) {
    finish();
    throw;
  }
}

void forget_training(faiss::Index* index) {
  if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index)) {
    for (auto* step : transform->chain) {
      const bool learns =
          dynamic_cast<faiss::PCAMatrix*>(step) != nullptr || dynamic_cast<faiss::OPQMatrix*>(step) != nullptr;
      if (learns) step->is_trained = false;
    }
    forget_training(transform->index);
  } else if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index)) {
    forget_training(refine->base_index);
    forget_training(refine->refine_index);
  } else if (auto* graph = as_hnsw(index)) {
    if (learns_nothing(graph)) return;
    forget_training(graph->storage);
  } else if (auto* lists = as_ivf(index)) {
    // A quantizer that trains alone is one of products: it has its entries from the start and cannot be emptied.
    if (lists->quantizer_trains_alone != 1) lists->quantizer->reset();
  } else if (dynamic_cast<faiss::IndexPQ*>(index) == nullptr &&
             dynamic_cast<faiss::IndexPQFastScan*>(index) == nullptr &&
             dynamic_cast<faiss::IndexScalarQuantizer*>(index) == nullptr) {
    return;  // whole vectors, and kinds that FAISS trains anew by itself
  }
  index->is_trained = false;
}

}  // namespace quiver
