#include "core/structure.h"

#include <faiss/Index2Layer.h>
#include <faiss/IndexAdditiveQuantizer.h>
#include <faiss/IndexAdditiveQuantizerFastScan.h>
#include <faiss/IndexFastScan.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFAdditiveQuantizer.h>
#include <faiss/IndexIVFAdditiveQuantizerFastScan.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexLSH.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/ProductAdditiveQuantizer.h>

#include <omp.h>

#include <cstring>
#include <mutex>
#include <utility>

#include "core/reach.h"

namespace quiver {

namespace {

template <typename T>
const T* cast(const faiss::Index* index) {
  return dynamic_cast<const T*>(index);
}

// Visits the nest from outside in: wrappers, then what they wrap.
template <typename F>
void walk(faiss::Index* index, F&& visit) {
  if (index == nullptr) return;
  visit(index);
  if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index)) {
    walk(transform->index, visit);
  } else if (auto* refine = dynamic_cast<faiss::IndexRefine*>(index)) {
    walk(refine->base_index, visit);
    walk(refine->refine_index, visit);
  } else if (auto* hnsw = dynamic_cast<faiss::IndexHNSW*>(index)) {
    walk(hnsw->storage, visit);
  }
}

template <typename T>
faiss::MaybeOwnedVector<T> owned_copy(const faiss::MaybeOwnedVector<T>& data) {
  std::vector<T> copy(data.size());
  // A view may lie at any address: as bytes.
  if (data.size() > 0) std::memcpy(copy.data(), static_cast<const void*>(data.data()), data.byte_size());
  return faiss::MaybeOwnedVector<T>(std::move(copy));
}

// Copies beside the index, and puts the copy in with the lock held.
template <typename T>
void own(faiss::MaybeOwnedVector<T>& data, FairLock& lock) {
  if (data.is_owned) return;
  faiss::MaybeOwnedVector<T> copy = owned_copy(data);
  std::lock_guard<FairLock> hold(lock);
  data = std::move(copy);
}

template <typename T>
void drop(faiss::MaybeOwnedVector<T>& data) {
  if (!data.is_owned) data = faiss::MaybeOwnedVector<T>();
}

faiss::ArrayInvertedLists* array_lists(faiss::IndexIVF* ivf) {
  return dynamic_cast<faiss::ArrayInvertedLists*>(ivf->invlists);
}

}  // namespace

const faiss::Index* base_of(const faiss::Index* index) {
  while (true) {
    if (auto* transform = cast<faiss::IndexPreTransform>(index)) {
      index = transform->index;
    } else if (auto* refine = cast<faiss::IndexRefine>(index)) {
      index = refine->base_index;
    } else {
      return index;
    }
  }
}

faiss::Index* base_of(faiss::Index* index) {
  return const_cast<faiss::Index*>(base_of(static_cast<const faiss::Index*>(index)));
}

const faiss::IndexHNSW* as_hnsw(const faiss::Index* index) {
  return cast<faiss::IndexHNSW>(index);
}
const faiss::IndexIVF* as_ivf(const faiss::Index* index) {
  return cast<faiss::IndexIVF>(index);
}
const faiss::IndexFlatCodes* as_codes(const faiss::Index* index) {
  return cast<faiss::IndexFlatCodes>(index);
}

Shape::Shape(const faiss::Index* index)
    : base(base_of(index)),
      graph(as_hnsw(base)),
      lists(as_ivf(base)),
      plain(as_codes(index) != nullptr),
      refined(cast<faiss::IndexRefine>(index) != nullptr),
      limit(squared_norm_limit(*index)) {}

std::vector<faiss::IndexFlatCodes*> all_codes(faiss::Index* index) {
  std::vector<faiss::IndexFlatCodes*> found;
  walk(index, [&](faiss::Index* part) {
    if (auto* codes = as_codes(part)) found.push_back(codes);
  });
  return found;
}

std::vector<faiss::IndexFlatCodes*> movable_codes(faiss::Index* index) {
  bool movable = true;
  walk(index, [&](faiss::Index* part) {
    const bool wrapper = cast<faiss::IndexPreTransform>(part) != nullptr || cast<faiss::IndexRefine>(part) != nullptr;
    if (!wrapper && as_codes(part) == nullptr) movable = false;
  });
  return movable ? all_codes(index) : std::vector<faiss::IndexFlatCodes*>{};
}

void set_row_count(faiss::Index* index, int64_t rows) {
  walk(index, [&](faiss::Index* part) { part->ntotal = rows; });
}

void cut_rows(faiss::Index* index, int64_t rows) {
  const auto n = static_cast<size_t>(rows);
  walk(index, [&](faiss::Index* part) {
    if (auto* codes = as_codes(part); codes != nullptr && codes->codes.size() > n * codes->code_size) {
      codes->codes.resize(n * codes->code_size);
    }
    if (auto* graph = as_hnsw(part)) {
      faiss::HNSW& hnsw = graph->hnsw;
      if (hnsw.levels.size() > n) hnsw.levels.resize(n);
      if (hnsw.offsets.size() > n + 1) hnsw.offsets.resize(n + 1);
      if (hnsw.neighbors.size() > hnsw.offsets.back()) hnsw.neighbors.resize(hnsw.offsets.back());
    }
    part->ntotal = rows;
  });
}

void map_rows(faiss::Index* index, FairLock& lock) {
  auto* lists = as_ivf(base_of(index));
  if (lists == nullptr || !lists->direct_map.no()) return;
  faiss::DirectMap map;
  map.set_type(faiss::DirectMap::Array, lists->invlists, static_cast<size_t>(lists->ntotal));
  std::lock_guard<FairLock> hold(lock);
  std::swap(lists->direct_map, map);
}

namespace {

faiss::AdditiveQuantizer* additive_quantizer(faiss::Index* index) {
  if (auto* codes = dynamic_cast<faiss::IndexAdditiveQuantizer*>(index)) return codes->aq;
  if (auto* lists = dynamic_cast<faiss::IndexIVFAdditiveQuantizer*>(index)) return lists->aq;
  if (auto* scan = dynamic_cast<faiss::IndexAdditiveQuantizerFastScan*>(index)) return scan->aq;
  if (auto* lists = dynamic_cast<faiss::IndexIVFAdditiveQuantizerFastScan*>(index)) return lists->aq;
  if (auto* coarse = dynamic_cast<faiss::AdditiveCoarseQuantizer*>(index)) return coarse->aq;
  return nullptr;
}

// The norms that an additive quantizer keeps are a flat index of their own.
template <typename F>
void visit_norms(faiss::AdditiveQuantizer* quantizer, F&& visit) {
  if (quantizer == nullptr) return;
  visit(quantizer->qnorm.codes, true);
  if (auto* product = dynamic_cast<faiss::ProductAdditiveQuantizer*>(quantizer)) {
    for (auto* part : product->quantizers) visit_norms(part, visit);
  }
}

// Every vector of FAISS that may be a view of a file: visit(data, whether it was learned in training).
template <typename F>
void for_each_viewable(faiss::Index* index, F&& visit, bool learned = false) {
  walk(index, [&](faiss::Index* part) {
    if (auto* codes = as_codes(part)) visit(codes->codes, learned);
    if (auto* hnsw = as_hnsw(part)) visit(hnsw->hnsw.neighbors, learned);
    visit_norms(additive_quantizer(part), visit);
    if (auto* ivf = as_ivf(part)) {
      for_each_viewable(ivf->quantizer, visit, true);
      if (auto* lists = array_lists(ivf)) {
        for (auto& codes : lists->codes) visit(codes, false);
        for (auto& ids : lists->ids) visit(ids, false);
      }
    }
  });
}

}  // namespace

void own_memory(faiss::Index* index, FairLock& lock) {
  for_each_viewable(index, [&](auto& data, bool) { own(data, lock); });
}

void drop_views(faiss::Index* index) {
  for_each_viewable(index, [](auto& data, bool learned) {
    if (!learned) {
      drop(data);
    } else if (!data.is_owned) {
      data = owned_copy(data);
    }
  });
}

bool has_views(const faiss::Index* index) {
  bool views = false;
  for_each_viewable(const_cast<faiss::Index*>(index), [&](auto& data, bool) { views = views || !data.is_owned; });
  return views;
}

bool learns_nothing(const faiss::Index* index) {
  if (const auto* graph = as_hnsw(index)) return learns_nothing(graph->storage);
  return cast<faiss::IndexFlat>(index) != nullptr;
}

bool views_are_known(const faiss::Index* index) {
  bool known = true;
  walk(const_cast<faiss::Index*>(index), [&](faiss::Index* part) {
    if (const auto* lists = as_ivf(part)) {
      known = known && (views_are_known(lists->quantizer) || additive_quantizer(lists->quantizer) != nullptr);
      return;
    }
    // The codes of two levels hold a coarse quantizer of their own, out of reach from here.
    const bool reached = cast<faiss::IndexPreTransform>(part) != nullptr || cast<faiss::IndexRefine>(part) != nullptr ||
                         (as_hnsw(part) != nullptr && cast<faiss::IndexHNSW2Level>(part) == nullptr) ||
                         (as_codes(part) != nullptr && cast<faiss::Index2Layer>(part) == nullptr) ||
                         cast<faiss::IndexFastScan>(part) != nullptr;
    known = known && reached;
  });
  return known;
}

std::string kind_of(const faiss::Index* index) {
  const faiss::Index* base = base_of(index);
  if (as_hnsw(base) != nullptr) return "HNSW";
  if (cast<faiss::IndexIVFFastScan>(base) != nullptr) return "IVF FastScan";
  if (as_ivf(base) != nullptr) return "IVF";
  if (cast<faiss::IndexFlat>(base) != nullptr) return "Flat";
  if (cast<faiss::IndexPQ>(base) != nullptr) return "PQ";
  if (cast<faiss::IndexScalarQuantizer>(base) != nullptr) return "SQ";
  if (cast<faiss::IndexLSH>(base) != nullptr) return "LSH";
  if (cast<faiss::IndexFastScan>(base) != nullptr) return "FastScan";
  return "other";
}

size_t bytes_of(const faiss::Index* index) {
  size_t bytes = 0;
  walk(const_cast<faiss::Index*>(index), [&](faiss::Index* part) {
    if (auto* codes = as_codes(part)) bytes += codes->codes.size();
    if (auto* pq = dynamic_cast<faiss::IndexPQ*>(part)) bytes += pq->pq.centroids.size() * sizeof(float);
    if (auto* scan = dynamic_cast<faiss::IndexFastScan*>(part)) bytes += scan->codes.size();
    if (auto* hnsw = as_hnsw(part)) {
      bytes += hnsw->hnsw.neighbors.size() * sizeof(faiss::HNSW::storage_idx_t);
      bytes += hnsw->hnsw.offsets.size() * sizeof(size_t) + hnsw->hnsw.levels.size() * sizeof(int);
    }
    if (auto* ivf = as_ivf(part)) {
      if (ivf->invlists != nullptr) {
        for (size_t list = 0; list < ivf->nlist; list++) {
          bytes += ivf->invlists->list_size(list) * (ivf->invlists->code_size + sizeof(faiss::idx_t));
        }
      }
      if (ivf->quantizer != nullptr) bytes += bytes_of(ivf->quantizer);
      bytes += ivf->direct_map.array.size() * sizeof(faiss::idx_t);
    }
    if (auto* ivf_pq = dynamic_cast<faiss::IndexIVFPQ*>(part)) {
      bytes += (ivf_pq->pq.centroids.size() + ivf_pq->precomputed_table.size()) * sizeof(float);
    }
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(part)) {
      for (auto* step : transform->chain) {
        if (auto* linear = dynamic_cast<faiss::LinearTransform*>(step)) bytes += linear->A.size() * sizeof(float);
      }
    }
  });
  return bytes;
}

size_t bytes_a_row(const faiss::Index* index) {
  size_t bytes = 0;
  walk(const_cast<faiss::Index*>(index), [&](faiss::Index* part) {
    if (auto* codes = as_codes(part)) bytes += codes->code_size;
    if (auto* scan = dynamic_cast<faiss::IndexFastScan*>(part)) bytes += scan->code_size;
    if (auto* lists = as_ivf(part)) bytes += lists->code_size + sizeof(faiss::idx_t);
    if (auto* graph = as_hnsw(part)) {
      const auto& links = graph->hnsw.cum_nneighbor_per_level;
      const size_t a_row = links.size() > 1 ? static_cast<size_t>(links[1]) + 2 : 0;
      bytes += a_row * sizeof(faiss::HNSW::storage_idx_t) + sizeof(size_t) + sizeof(int) + sizeof(omp_lock_t);
    }
  });
  return bytes;
}

}  // namespace quiver
