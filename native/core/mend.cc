#include "core/mend.h"

#include <faiss/IndexFastScan.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFAdditiveQuantizerFastScan.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/VectorTransform.h>

#include <cmath>
#include <vector>

namespace quiver {

namespace {

// Whether a matrix is a rotation, or some rows of one: FAISS asks before it knows the sizes, and takes every matrix for
// one. A vector that was turned back and forth must be the same; one vector that uses all dimensions tells, where
// FAISS would multiply the matrix with itself.
void find_out_whether_rotation(faiss::LinearTransform& linear) {
  const bool sound = linear.is_trained && linear.d_in >= 1 && linear.d_out >= 1 &&
                     linear.A.size() == static_cast<size_t>(linear.d_in) * static_cast<size_t>(linear.d_out) &&
                     (!linear.have_bias || linear.b.size() == static_cast<size_t>(linear.d_out));
  if (!sound) return;  // the check of the structure refuses it
  linear.is_orthonormal = false;
  if (linear.d_out > linear.d_in) return;
  std::vector<float> before(static_cast<size_t>(linear.d_out)), inside(static_cast<size_t>(linear.d_in));
  for (size_t i = 0; i < before.size(); i++) before[i] = std::sin(static_cast<float>(i) * 12.9898f) + 1.5f;
  std::vector<float> after(before.size());
  linear.transform_transpose(1, before.data(), inside.data());
  linear.apply_noalloc(1, inside.data(), after.data());
  bool same = true;
  for (size_t i = 0; i < before.size(); i++) same = same && std::fabs(after[i] - before[i]) < 1e-3f;
  linear.is_orthonormal = same;
}

void mend_lists(faiss::IndexIVF& lists) {
  if (auto* scan = dynamic_cast<faiss::IndexIVFFastScan*>(&lists)) {
    if (auto* pq = dynamic_cast<faiss::IndexIVFPQFastScan*>(scan)) scan->fine_quantizer = &pq->pq;
    if (auto* additive = dynamic_cast<faiss::IndexIVFAdditiveQuantizerFastScan*>(scan)) {
      scan->fine_quantizer = additive->aq;
    }
    scan->implem = 0;
    scan->qbs = 0;
    scan->qbs2 = 0;
  }
  if (lists.invlists != nullptr) lists.make_direct_map(false);
  mend_after_read(lists.quantizer);
}

}  // namespace

void mend_after_read(faiss::Index* index) {
  if (index == nullptr) return;
  if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index)) {
    for (auto* step : transform->chain) {
      if (auto* linear = dynamic_cast<faiss::LinearTransform*>(step)) find_out_whether_rotation(*linear);
    }
    mend_after_read(transform->index);
  } else if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index)) {
    mend_after_read(refine->base_index);
    mend_after_read(refine->refine_index);
  } else if (auto* graph = dynamic_cast<faiss::IndexHNSW*>(index)) {
    mend_after_read(graph->storage);
  } else if (auto* lists = dynamic_cast<faiss::IndexIVF*>(index)) {
    mend_lists(*lists);
  } else if (auto* scan = dynamic_cast<faiss::IndexFastScan*>(index)) {
    scan->implem = 0;
    scan->qbs = 0;
  } else if (auto* pq = dynamic_cast<faiss::IndexPQ*>(index)) {
    pq->search_type = faiss::IndexPQ::ST_PQ;
  }
}

}  // namespace quiver
