// Registers what JS sees of native/, and nothing else.
#include <napi.h>

#include "binding/environment.h"
#include "binding/gpu.h"
#include "binding/index.h"
#include "binding/staging.h"
#include "binding/system.h"

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  quiver::Environment::create(env);
  quiver::Index::define(env, exports);
  quiver::NativeGpuIndex::define(env, exports);
  exports.Set("VectorStaging", quiver::VectorStaging::define(env));
  exports.Set("ByteStaging", quiver::ByteStaging::define(env));
  quiver::define_system(env, exports);
  return exports;
}

NODE_API_MODULE(quiver, initialize)
