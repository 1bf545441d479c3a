// Large inputs on their way in, a few megabytes a turn of the event loop, so that copying them never blocks it.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "core/region.h"
#include "core/vectors.h"

namespace quiver {

// new VectorStaging(dim); append(Float32Array of whole vectors). Given whole to train() or add(). What no call took is
// freed by release(), which does no harm to what one did: the collector does not know how much memory hangs on it.
class VectorStaging : public Napi::ObjectWrap<VectorStaging> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit VectorStaging(const Napi::CallbackInfo& info);
  Staging take();
  static VectorStaging* from(const Napi::Value& value);

 private:
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  std::optional<Staging> staging_;
};

// new ByteStaging(size); append(Uint8Array). Given whole to fromBuffer() or importFaiss(); release() as above.
class ByteStaging : public Napi::ObjectWrap<ByteStaging> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ByteStaging(const Napi::CallbackInfo& info);
  std::shared_ptr<Region> take();
  static ByteStaging* from(const Napi::Value& value);

 private:
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  std::shared_ptr<Region> region_;
  size_t used_ = 0;
};

}  // namespace quiver
