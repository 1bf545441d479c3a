#include "binding/system.h"

#include <faiss/Index.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/gpu.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/fault.h"
#include "core/memory.h"

#ifdef QUIVER_OPENBLAS
extern "C" {
char* openblas_get_config();
char* openblas_get_corename();
}
#else
static const char* openblas_get_config() {
  return "not OpenBLAS";
}
static const char* openblas_get_corename() {
  return "unknown";
}
#endif

namespace faiss {
std::string get_compile_options();
}

#ifndef QUIVER_SIMD_LEVEL
#define QUIVER_SIMD_LEVEL "unknown"
#endif

namespace quiver {

namespace {

Napi::Value system_info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto object = Napi::Object::New(info.Env());
    object.Set("faiss", std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." +
                            std::to_string(FAISS_VERSION_PATCH));
    object.Set("faissOptions", faiss::get_compile_options());
    object.Set("simd", QUIVER_SIMD_LEVEL);
    object.Set("blas", openblas_get_config());
    object.Set("blasKernel", openblas_get_corename());
    object.Set("threads", Executor::instance().threads());
    object.Set("gpus", describe_gpus(info.Env()));
    object.Set("availableMemory", static_cast<double>(available_memory()));
    return object;
  });
}

// setThreads(n): before the first call
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto threads = static_cast<int>(Arguments(info).integer(0, 1, 1024));
    if (!Executor::instance().set_threads(threads)) {
      throw Error(code::kArgument,
                  "threads must be set before the first call to an index; it is " +
                      std::to_string(Executor::instance().threads()) + " now.",
                  "configure() before other calls", std::to_string(threads));
    }
    return info.Env().Undefined();
  });
}

// `spare`: the hard limit lies so much higher, so that the signal of the soft one comes first.
void limit(__rlimit_resource resource, uint64_t value, uint64_t spare = 0) {
  rlimit now{};
  getrlimit(resource, &now);
  now.rlim_max = std::min<rlim_t>(now.rlim_max, value + spare);  // one that is lower already stays
  now.rlim_cur = std::min<rlim_t>(now.rlim_max, value);
  if (setrlimit(resource, &now) != 0) {
    throw Error(code::kIo, "Could not limit what this process may use.", "a limit that may be set",
                std::to_string(value));
  }
}

// confine(bytes, seconds): this process may grow by so many bytes, is ended by SIGXCPU after so much CPU time, leaves
// no core file, and ends with the one that started it. For the process that tries foreign files.
Napi::Value confine(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto more = static_cast<uint64_t>(arguments.integer(0, 1, int64_t{1} << 50));
    const auto seconds = static_cast<uint64_t>(arguments.integer(1, 1, int64_t{1} << 31));
    std::ifstream file("/proc/self/statm");
    uint64_t pages = 0;
    file >> pages;
    limit(RLIMIT_AS, pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) + more);
    limit(RLIMIT_CPU, seconds, 5);
    limit(RLIMIT_CORE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return info.Env().Undefined();
  });
}

Napi::Value set_dispatcher(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsFunction()) {
      throw Error(code::kArgument, "The dispatcher must be a function.", "a function", "something else");
    }
    Environment::of(info.Env())->set_dispatcher(info[0].As<Napi::Function>());
    return info.Env().Undefined();
  });
}

// setErrorClass(QuiverError): what every failing call throws from here on.
Napi::Value set_error_class(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsFunction()) {
      throw Error(code::kArgument, "The error class must be a class.", "a class", "something else");
    }
    Environment::of(info.Env())->error_class = Napi::Persistent(info[0].As<Napi::Function>());
    return info.Env().Undefined();
  });
}

Napi::Value cancel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment::of(info.Env())->cancel(Arguments(info).number(0));
    return info.Env().Undefined();
  });
}

Napi::Value scratch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Environment::of(info.Env())->scratch(info.Env()); });
}

// armFault(place, thrown, passes): for tests, see core/fault.h.
Napi::Value arm_fault(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto place = static_cast<fault::Place>(arguments.integer(0, 0, static_cast<int>(fault::Place::kResult)));
    const auto thrown = static_cast<fault::Thrown>(arguments.integer(1, 0, static_cast<int>(fault::Thrown::kInt)));
    fault::arm(place, thrown, static_cast<int>(arguments.integer(2, 0, 1 << 20)));
    return info.Env().Undefined();
  });
}

}  // namespace

void define_system(Napi::Env env, Napi::Object exports) {
  exports.Set("system", Napi::Function::New(env, system_info));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("confine", Napi::Function::New(env, confine));
  exports.Set("setDispatcher", Napi::Function::New(env, set_dispatcher));
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class));
  exports.Set("cancel", Napi::Function::New(env, cancel));
  exports.Set("scratch", Napi::Function::New(env, scratch));
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, while the addon is loaded.
  const char* hooks = std::getenv("QUIVER_TEST_HOOKS");
  if (hooks != nullptr && std::string(hooks) == "1") exports.Set("armFault", Napi::Function::New(env, arm_fault));
}

}  // namespace quiver
