// What a build without GPU code answers.
#include "core/error.h"
#include "cuda/gpu_index.h"

namespace quiver {

Gpus find_gpus() noexcept {
  Gpus none;
  try {
    none.missing =
        "this build has no GPU code. Build it with `node scripts/build.mjs --cuda`, which needs a CUDA toolkit, and "
        "start node with QUIVER_CUDA=1";
  } catch (...) {
    // Without memory for a reason there is still no GPU.
  }
  return none;
}

Gpus require_gpus() {
  throw Error(code::kNoGpu, "There is no GPU to use: " + find_gpus().missing + ".", "a build with GPU code",
              "one without");
}

std::shared_ptr<GpuIndex> copy_to_gpu(IndexState& /*index*/, const GpuOptions& /*options*/, const Ticket& /*ticket*/) {
  require_gpus();
  return nullptr;
}

}  // namespace quiver
