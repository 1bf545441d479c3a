// Copies of indexes on GPUs, as lib/ sees them. Registered by every build; those without GPU code answer E_NO_GPU.
#pragma once

#include <napi.h>

#include <memory>

#include "core/executor.h"
#include "cuda/gpu_index.h"

namespace quiver {

class NativeGpuIndex : public Napi::ObjectWrap<NativeGpuIndex> {
 public:
  // Registers gpus(), too.
  static void define(Napi::Env env, Napi::Object exports);
  explicit NativeGpuIndex(const Napi::CallbackInfo& info);
  ~NativeGpuIndex() override;

 private:
  Napi::Value search(const Napi::CallbackInfo& info);
  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value devices(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // The copy, or E_CLOSED.
  const std::shared_ptr<GpuIndex>& index() const;

  std::shared_ptr<GpuIndex> index_;
  // Its searches, one after the other without holding up the threads of others.
  std::shared_ptr<Strand> strand_;
};

// { built, count, reason? }
Napi::Object describe_gpus(Napi::Env env);

}  // namespace quiver
