#include "cuda/gpu_index.h"

#include <cuda_runtime_api.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/IndexShards.h>
#include <faiss/clone_index.h>
#include <faiss/gpu/GpuCloner.h>
#include <faiss/gpu/GpuIndexIVF.h>
#include <faiss/gpu/StandardGpuResources.h>
#include <faiss/impl/FaissException.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <typeinfo>
#include <utility>

#include "core/error.h"
#include "core/reach.h"
#include "core/ties.h"
#include "core/vectors.h"

namespace quiver {

namespace {

// Results that a device holds at a time, so that they fit FAISS's temporary memory.
constexpr int64_t kResultsAtOnce = int64_t{1} << 22;

// --- devices

int attribute(cudaDeviceAttr wanted, int device) {
  int value = 0;
  if (cudaDeviceGetAttribute(&value, wanted, device) != cudaSuccess) return 0;
  return value;
}

// FAISS ends the process where a kernel has no code for a device, so that is asked before.
void require_capability(int device) {
  const int found =
      10 * attribute(cudaDevAttrComputeCapabilityMajor, device) + attribute(cudaDevAttrComputeCapabilityMinor, device);
  if (found >= QUIVER_CUDA_LEAST) return;
  const std::string least = std::to_string(QUIVER_CUDA_LEAST), has = std::to_string(found);
  throw Error(code::kNoGpu,
              "Device " + std::to_string(device) + " has the compute capability " + has +
                  ", and this build was made for " + least +
                  " and above. Build with `node scripts/build.mjs --cuda --cuda-arch " + has + "`.",
              ">= " + least, has);
}

std::vector<int> chosen_devices(const GpuOptions& options, int count) {
  std::vector<int> devices = options.devices;
  if (devices.empty()) {
    devices.resize(options.spread ? static_cast<size_t>(count) : 1);
    std::iota(devices.begin(), devices.end(), 0);
  }
  for (const int device : devices) {
    if (device < 0 || device >= count) {
      const std::string range = "0 to " + std::to_string(count - 1);
      throw Error(code::kRange, "devices must be numbers from " + range + ", but holds " + std::to_string(device) + ".",
                  range, std::to_string(device));
    }
    require_capability(device);
  }
  return devices;
}

// --- kinds

template <typename... Kinds>
bool is_exactly(const faiss::Index& index) {
  return ((typeid(index) == typeid(Kinds)) || ...);
}

bool is_flat(const faiss::Index& index) {
  return is_exactly<faiss::IndexFlat, faiss::IndexFlatL2, faiss::IndexFlatIP>(index);
}

bool has_gpu_codes(const faiss::ScalarQuantizer& sq) {
  switch (sq.qtype) {
    case faiss::ScalarQuantizer::QT_8bit:
    case faiss::ScalarQuantizer::QT_8bit_uniform:
    case faiss::ScalarQuantizer::QT_8bit_direct:
    case faiss::ScalarQuantizer::QT_4bit:
    case faiss::ScalarQuantizer::QT_4bit_uniform:
    case faiss::ScalarQuantizer::QT_fp16:
      return true;
    default:
      return false;
  }
}

// By exact types: what derives from these keeps more than the GPU classes know of.
bool has_gpu_form(const faiss::Index& index) {
  if (index.metric_type != faiss::METRIC_L2 && index.metric_type != faiss::METRIC_INNER_PRODUCT) return false;
  if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(&index)) {
    return has_gpu_form(*transform->index);
  }
  if (is_flat(index)) return true;
  const auto* lists = as_ivf(&index);
  if (lists == nullptr || lists->quantizer == nullptr || !is_flat(*lists->quantizer)) return false;
  if (is_exactly<faiss::IndexIVFFlat>(index)) return true;
  if (is_exactly<faiss::IndexIVFPQ>(index)) {
    const auto& pq = static_cast<const faiss::IndexIVFPQ&>(index);
    return pq.pq.nbits == 8 && pq.by_residual && pq.polysemous_ht == 0;
  }
  if (is_exactly<faiss::IndexIVFScalarQuantizer>(index)) {
    return has_gpu_codes(static_cast<const faiss::IndexIVFScalarQuantizer&>(index).sq);
  }
  return false;
}

void require_gpu_form(const Body& body, Metric metric) {
  if (has_gpu_form(*body.index)) return;
  const char* kinds = "Flat, IVF with Flat, SQ8, SQ4, SQfp16 or PQ of 8 bits, with the metric l2, ip or cosine";
  const std::string found = body.factory + " (" + metric_name(metric) + ")";
  throw Error(code::kUnsupported,
              "An index of the kind " + found + " has no form on a GPU. These have one: " + kinds +
                  ", also behind transforms such as PCA or OPQ.",
              kinds, found);
}

// FAISS says by text alone that a device has no memory left.
template <typename F>
auto with_device_errors(F&& work) {
  try {
    return work();
  } catch (const faiss::FaissException& error) {
    const bool full = error.msg.find("alloc fail") != std::string::npos ||
                      error.msg.find("cudaHostAlloc") != std::string::npos ||
                      error.msg.find("out of memory") != std::string::npos;
    if (!full) throw;
    throw Error(code::kOutOfMemory,
                "The GPU has too little free memory. Use float16, shards over several devices, a smaller kind of "
                "index, or close other copies.",
                "enough memory on the device", "none left");
  }
}

// --- copying

using Resources = std::vector<std::unique_ptr<faiss::gpu::StandardGpuResources>>;

// Puts an index on the devices; transforms around it stay on the CPU. FAISS has this too, but it copies shards inside
// an OpenMP region, where an exception (no memory on the device) would end the process.
class Placer : public faiss::Cloner {
 public:
  Placer(const Resources& resources, const std::vector<int>& devices, const GpuOptions& options, const Ticket& ticket)
      : resources_(resources), devices_(devices), shards_(options.shards), ticket_(ticket) {
    options_.useFloat16 = options.float16;
  }

  faiss::Index* clone_Index(const faiss::Index* index) override {
    if (dynamic_cast<const faiss::IndexPreTransform*>(index) != nullptr) return faiss::Cloner::clone_Index(index);
    if (devices_.size() == 1) return on_device(0, *index).release();
    return (shards_ ? shards_of(*index) : replicas_of(*index)).release();
  }

  // Of all parts that have lists: where nprobe is set.
  std::vector<faiss::gpu::GpuIndexIVF*> lists;

 private:
  std::unique_ptr<faiss::Index> on_device(size_t i, const faiss::Index& index) {
    ticket_.check();
    std::unique_ptr<faiss::Index> copy(
        faiss::gpu::index_cpu_to_gpu(resources_[i].get(), devices_[i], &index, &options_));
    if (auto* its = dynamic_cast<faiss::gpu::GpuIndexIVF*>(copy.get())) lists.push_back(its);
    return copy;
  }

  std::unique_ptr<faiss::Index> replicas_of(const faiss::Index& index) {
    auto all = std::make_unique<faiss::IndexReplicas>(static_cast<faiss::idx_t>(index.d), true);
    all->own_indices = true;
    for (size_t i = 0; i < devices_.size(); i++) add_part(*all, on_device(i, index));
    return all;
  }

  std::unique_ptr<faiss::Index> shards_of(const faiss::Index& index) {
    const auto* ivf = as_ivf(&index);
    // Lists keep the numbers of their rows; a flat array counts anew in each part.
    auto all = std::make_unique<faiss::IndexShards>(static_cast<faiss::idx_t>(index.d), true, ivf == nullptr);
    all->own_indices = true;
    const auto n = static_cast<faiss::idx_t>(devices_.size());
    for (faiss::idx_t i = 0; i < n; i++) {
      if (ivf != nullptr) {
        const auto part = empty_lists(*ivf);
        ivf->copy_subset_to(*part, faiss::InvertedLists::SUBSET_TYPE_ID_MOD, n, i);
        add_part(*all, on_device(static_cast<size_t>(i), *part));
      } else {
        const auto& flat = static_cast<const faiss::IndexFlat&>(index);
        const faiss::idx_t from = flat.ntotal * i / n, to = flat.ntotal * (i + 1) / n;
        const faiss::IndexFlat empty(flat.d, flat.metric_type);
        auto part = on_device(static_cast<size_t>(i), empty);
        part->add(to - from, flat.get_xb() + from * flat.d);
        add_part(*all, std::move(part));
      }
    }
    return all;
  }

  template <typename All>
  static void add_part(All& all, std::unique_ptr<faiss::Index> part) {
    all.addIndex(part.get());
    part.release();
  }

  // Trained alike, without vectors; borrows the quantizer.
  static std::unique_ptr<faiss::IndexIVF> empty_lists(const faiss::IndexIVF& ivf) {
    std::unique_ptr<faiss::IndexIVF> empty;
    const auto d = static_cast<size_t>(ivf.d);
    if (const auto* pq = dynamic_cast<const faiss::IndexIVFPQ*>(&ivf)) {
      auto made =
          std::make_unique<faiss::IndexIVFPQ>(ivf.quantizer, d, ivf.nlist, pq->pq.M, pq->pq.nbits, ivf.metric_type);
      made->pq = pq->pq;
      made->use_precomputed_table = 0;
      empty = std::move(made);
    } else if (const auto* sq = dynamic_cast<const faiss::IndexIVFScalarQuantizer*>(&ivf)) {
      auto made = std::make_unique<faiss::IndexIVFScalarQuantizer>(ivf.quantizer, d, ivf.nlist, sq->sq.qtype,
                                                                   ivf.metric_type, sq->by_residual);
      made->sq = sq->sq;
      empty = std::move(made);
    } else {
      empty = std::make_unique<faiss::IndexIVFFlat>(ivf.quantizer, d, ivf.nlist, ivf.metric_type);
    }
    empty->nprobe = ivf.nprobe;
    empty->is_trained = ivf.is_trained;
    return empty;
  }

  const Resources& resources_;
  const std::vector<int>& devices_;
  const bool shards_;
  const Ticket& ticket_;
  faiss::gpu::GpuClonerOptions options_;
};

class CudaIndex final : public GpuIndex {
 public:
  CudaIndex(const IndexState& index, const Body& body, std::vector<int> devices, const GpuOptions& options,
            const Ticket& ticket)
      : dim_(index.dim()),
        metric_(index.spec().metric),
        bigint_ids_(index.bigint_ids()),
        count_(body.rows.live()),
        limit_(squared_norm_limit(*body.index)),
        devices_(std::move(devices)) {
    if (count_ == 0) return;  // it may not even be trained
    if (!body.rows.implicit()) {
      ids_.resize(static_cast<size_t>(count_));
      for (int64_t row = 0; row < count_; row++) ids_[static_cast<size_t>(row)] = body.rows.id(row);
    }
    if (const auto* lists = as_ivf(base_of(body.index.get()))) {
      nprobe_ = static_cast<int64_t>(lists->nprobe);
      nlist_ = static_cast<int64_t>(lists->nlist);
    }
    for (size_t i = 0; i < devices_.size(); i++) {
      resources_.push_back(std::make_unique<faiss::gpu::StandardGpuResources>());
    }
    Placer placer(resources_, devices_, options, ticket);
    index_.reset(placer.clone_Index(body.index.get()));
    lists_ = std::move(placer.lists);
  }

  int64_t dim() const override { return dim_; }
  int64_t count() const override { return count_; }
  bool bigint_ids() const override { return bigint_ids_; }
  const std::vector<int>& devices() const override { return devices_; }

  void search(int64_t n, const float* x, int64_t k, int nprobe, int64_t* ids, float* distances,
              const Ticket& ticket) override {
    if (k < 1 || k > kMaxGpuK) {
      throw Error(code::kRange, "k must be from 1 to 2048 on a GPU.", "1 to 2048", std::to_string(k));
    }
    std::vector<float> normalized;
    if (metric_ == Metric::kCosine) {
      normalized.assign(x, x + n * dim_);
      normalize_vectors(static_cast<size_t>(n), static_cast<size_t>(dim_), normalized.data());
      x = normalized.data();
    }
    check_vectors(static_cast<size_t>(n), static_cast<size_t>(dim_), x, 0, limit_);
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto probes = static_cast<size_t>(
        std::clamp<int64_t>(nprobe > 0 ? nprobe : nprobe_, 1, std::clamp<int64_t>(nlist_, 1, kMaxGpuK)));
    for (auto* lists : lists_) lists->nprobe = probes;
    const int64_t step = std::max<int64_t>(1, kResultsAtOnce / k);
    for (int64_t from = 0; from < n; from += step) {
      ticket.check();
      search_some(std::min(step, n - from), x + from * dim_, k, ids + from * k, distances + from * k);
    }
  }

 private:
  void search_some(int64_t n, const float* x, int64_t k, int64_t* ids, float* distances) {
    std::fill_n(ids, n * k, int64_t{-1});
    if (index_) with_device_errors([&] { index_->search(n, x, k, distances, ids); });
    constexpr float infinity = std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < n * k; i++) {
      if (ids[i] < 0) {
        ids[i] = -1;
        distances[i] = is_similarity(metric_) ? -infinity : infinity;
        continue;
      }
      if (!ids_.empty()) ids[i] = ids_[static_cast<size_t>(ids[i])];
      // Computed by way of inner products, which round.
      if (metric_ == Metric::kL2) distances[i] = std::max(distances[i], 0.0f);
      if (metric_ == Metric::kCosine) distances[i] = std::clamp(distances[i], -1.0f, 1.0f);
    }
    for (int64_t q = 0; q < n; q++) order_ties(k, ids + q * k, distances + q * k);
  }

  const int64_t dim_;
  const Metric metric_;
  const bool bigint_ids_;
  const int64_t count_;
  const double limit_;
  const std::vector<int> devices_;
  int64_t nprobe_ = 1, nlist_ = 1;
  std::vector<int64_t> ids_;  // of rows, where they do not simply count
  std::mutex mutex_;
  // Before the index, so that they go after it.
  Resources resources_;
  std::unique_ptr<faiss::Index> index_;  // null: nothing to find
  std::vector<faiss::gpu::GpuIndexIVF*> lists_;
};

}  // namespace

Gpus find_gpus() noexcept {
  Gpus gpus;
  gpus.built = true;
  try {
    const cudaError_t error = cudaGetDeviceCount(&gpus.count);
    if (error == cudaSuccess && gpus.count > 0) return gpus;
    gpus.count = 0;
    cudaGetLastError();  // or the next call of anybody would report it
    if (error == cudaErrorInsufficientDriver) {
      gpus.missing = "no NVIDIA driver was found, or it is older than the CUDA of this build. Install a newer one";
    } else if (error == cudaSuccess || error == cudaErrorNoDevice) {
      gpus.missing = "the NVIDIA driver shows no device. See what nvidia-smi lists, and CUDA_VISIBLE_DEVICES";
    } else {
      gpus.missing = std::string("the NVIDIA driver answers: ") + cudaGetErrorString(error);
    }
  } catch (...) {
    // Without memory for a reason there is still no GPU.
  }
  return gpus;
}

Gpus require_gpus() {
  Gpus gpus = find_gpus();
  if (gpus.count == 0) throw Error(code::kNoGpu, "There is no GPU to use: " + gpus.missing + ".", "a GPU", "none");
  return gpus;
}

std::shared_ptr<GpuIndex> copy_to_gpu(IndexState& index, const GpuOptions& options, const Ticket& ticket) {
  const auto devices = chosen_devices(options, require_gpus().count);
  std::shared_ptr<GpuIndex> made;
  index.read_live(ticket, [&](const Body& body) {
    require_gpu_form(body, index.spec().metric);
    made = with_device_errors([&] { return std::make_shared<CudaIndex>(index, body, devices, options, ticket); });
  });
  return made;
}

}  // namespace quiver
