// A copy of an index on GPUs. gpu_index.cc is compiled with -DQUIVER_CUDA=ON, without_gpu.cc otherwise, so that nobody
// above has to ask which. No Node type and no CUDA type here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/index_state.h"
#include "core/ticket.h"

namespace quiver {

// What FAISS's selection kernels go up to, for k and for nprobe.
inline constexpr int64_t kMaxGpuK = 2048;

struct Gpus {
  bool built = false;  // whether this build has GPU code
  int count = 0;
  std::string missing;  // what is missing, and what to do; empty where count > 0
};
// Asks the driver each time. Never throws.
Gpus find_gpus() noexcept;
// Throws E_NO_GPU where there is none.
Gpus require_gpus();

struct GpuOptions {
  std::vector<int> devices;  // empty: the first, or all when `spread`
  bool spread = false;
  bool shards = false;   // each device has a part of the rows; else each has all of them, and a part of the queries
  bool float16 = false;  // half the memory for whole vectors, and what is computed beside codes
};

// One call at a time uses a copy: FAISS's GPU objects are not thread-safe, and a device has one queue anyway.
class GpuIndex {
 public:
  virtual ~GpuIndex() = default;
  virtual int64_t dim() const = 0;
  virtual int64_t count() const = 0;
  virtual bool bigint_ids() const = 0;
  virtual const std::vector<int>& devices() const = 0;
  // As IndexState::search: n * k ids and distances, best first, ties by lower id, -1 in empty places. k up to kMaxGpuK.
  // `nprobe` 0: that of the index when it was copied. Vectors are already checked.
  virtual void search(int64_t n, const float* x, int64_t k, int nprobe, int64_t* ids, float* distances,
                      const Ticket& ticket) = 0;
};

// Copies the live rows as they are now; what is written later does not reach the copy. On the strand of `index`.
// Throws E_NO_GPU, E_RANGE (a device that is not there), E_UNSUPPORTED (a kind without a GPU form), E_OUT_OF_MEMORY.
std::shared_ptr<GpuIndex> copy_to_gpu(IndexState& index, const GpuOptions& options, const Ticket& ticket);

}  // namespace quiver
