#include "core/residual_lists.h"

#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace quiver {

namespace {

#if FAISS_VERSION_MAJOR == 1 && FAISS_VERSION_MINOR < 13

// Takes everything over from `lists`.
class ResidualLists final : public faiss::IndexIVFPQFastScan {
 public:
  explicit ResidualLists(faiss::IndexIVFPQFastScan& lists) : faiss::IndexIVFPQFastScan(lists) {
    lists.own_fields = lists.own_invlists = false;
    fine_quantizer = &pq;
  }

  // As in FAISS, by the number of lists that this search visits.
  void compute_LUT(size_t n, const float* x, const CoarseQuantized& coarse, faiss::AlignedTable<float>& tables,
                   faiss::AlignedTable<float>& biases) const override {
    const size_t table = pq.ksub * pq.M;
    const size_t pairs = n * coarse.nprobe;
    biases.resize(pairs);
    if (metric_type == faiss::METRIC_INNER_PRODUCT) {
      tables.resize(n * table);
      pq.compute_inner_prod_tables(n, x, tables.get());
      std::copy_n(coarse.dis, pairs, biases.get());
      return;
    }
    tables.resize(pairs * table);
    if (use_precomputed_table == 1) {
      std::copy_n(coarse.dis, pairs, biases.get());
      std::vector<float> products(n * table);
      pq.compute_inner_prod_tables(n, x, products.data());
      for (size_t i = 0; i < pairs; i++) {
        float* out = tables.get() + i * table;
        if (coarse.ids[i] < 0) {
          std::fill_n(out, table, kIgnored);
        } else {
          const float* known = precomputed_table.get() + static_cast<size_t>(coarse.ids[i]) * table;
          faiss::fvec_madd(table, known, -2, products.data() + i / coarse.nprobe * table, out);
        }
      }
      return;
    }
    std::fill_n(biases.get(), pairs, 0.0f);
    std::vector<float> residuals(pairs * static_cast<size_t>(d), kIgnored);
    for (size_t i = 0; i < pairs; i++) {
      if (coarse.ids[i] < 0) continue;
      quantizer->compute_residual(x + i / coarse.nprobe * d, residuals.data() + i * d, coarse.ids[i]);
    }
    pq.compute_distance_tables(pairs, residuals.data(), tables.get());
  }

 private:
  // A list that does not exist: NaN is left out when the tables are rounded.
  static constexpr float kIgnored = std::numeric_limits<float>::quiet_NaN();
};

std::unique_ptr<faiss::Index> replaced(faiss::Index& index) {
  auto* lists = dynamic_cast<faiss::IndexIVFPQFastScan*>(&index);
  if (lists == nullptr || !lists->by_residual || dynamic_cast<ResidualLists*>(lists) != nullptr) return nullptr;
  return std::make_unique<ResidualLists>(*lists);
}

#else

std::unique_ptr<faiss::Index> replaced(faiss::Index&) {
  return nullptr;
}

#endif

}  // namespace

void mend_residual_lists(std::unique_ptr<faiss::Index>& index) {
  if (index == nullptr) return;
  auto inside = [](faiss::Index*& part) {
    std::unique_ptr<faiss::Index> held(part);
    mend_residual_lists(held);
    part = held.release();
  };
  if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index.get())) inside(transform->index);
  if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index.get())) inside(refine->base_index);
  if (auto better = replaced(*index)) index = std::move(better);
}

}  // namespace quiver
