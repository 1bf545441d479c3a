#include "binding/gpu.h"

#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/index.h"
#include "binding/work.h"
#include "core/error.h"

namespace quiver {

namespace {

constexpr napi_type_tag kGpuIndexTag = {0x5b0d8e21c4f74a96ull, 0x92e6f13a7cb85d40ull};

Napi::Value wrap_copy(Napi::Env env, std::shared_ptr<GpuIndex> copy) {
  return Environment::of(env)->gpu_index_class.New({Napi::External<std::shared_ptr<GpuIndex>>::New(env, &copy)});
}

}  // namespace

Napi::Object describe_gpus(Napi::Env env) {
  const Gpus gpus = find_gpus();
  auto object = Napi::Object::New(env);
  object.Set("built", Napi::Boolean::New(env, gpus.built));
  object.Set("count", Napi::Number::New(env, gpus.count));
  if (gpus.count == 0) object.Set("reason", gpus.missing);
  return object;
}

void NativeGpuIndex::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, "NativeGpuIndex",
                                                 {
                                                     InstanceMethod<&NativeGpuIndex::search>("search"),
                                                     InstanceMethod<&NativeGpuIndex::count>("count"),
                                                     InstanceMethod<&NativeGpuIndex::devices>("devices"),
                                                     InstanceMethod<&NativeGpuIndex::close>("close"),
                                                 });
  Environment::of(env)->gpu_index_class = Napi::Persistent(constructor);
  exports.Set("gpus", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return guarded(info.Env(), [&]() -> Napi::Value { return describe_gpus(info.Env()); });
              }));
}

NativeGpuIndex::NativeGpuIndex(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw Error(code::kArgument, "Use index.toGpu().", "a copy of an index", "none");
    }
    napi_type_tag_object(info.Env(), info.This(), &kGpuIndexTag);
    strand_ = std::make_shared<Strand>(true);
    index_ = *info[0].As<Napi::External<std::shared_ptr<GpuIndex>>>().Data();
    return info.Env().Undefined();
  });
}

// V8 has let go of the object, or the environment ends. A device takes its time to free memory: on a worker.
NativeGpuIndex::~NativeGpuIndex() {
  if (!index_ || !Executor::instance().running()) return;
  strand_->post(make_task([index = std::move(index_)]() mutable { index.reset(); }));
}

const std::shared_ptr<GpuIndex>& NativeGpuIndex::index() const {
  if (!index_) throw Error(code::kClosed, "The GPU index is closed.", "an open GPU index", "a closed one");
  return index_;
}

// search(call, queries, n, k, nprobe) -> { ids, distances }
Napi::Value NativeGpuIndex::search(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = this->index();
    const int64_t n = arguments.integer(2, 1, int64_t{1} << 31);
    const int64_t k = arguments.integer(3, 1, kMaxGpuK);
    const auto nprobe = static_cast<int>(arguments.integer(4, 0, kMaxGpuK));
    const auto results = static_cast<size_t>(check_results(n, k));
    const auto array = arguments.floats(1, static_cast<size_t>(n * index->dim()));
    std::vector<float> queries(array.Data(), array.Data() + array.ElementLength());
    const Call call(info.Env(), arguments.number(0), false);
    run_on_strand(*strand_, call,
                  [index, n, k, nprobe, results, queries = std::move(queries), ticket = call.ticket()]() -> Result {
                    std::vector<int64_t> ids(results);
                    std::vector<float> distances(results);
                    index->search(n, queries.data(), k, nprobe, ids.data(), distances.data(), *ticket);
                    return found_result(std::move(ids), std::move(distances), index->bigint_ids());
                  });
    return info.Env().Undefined();
  });
}

Napi::Value NativeGpuIndex::count(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(index()->count())); });
}

Napi::Value NativeGpuIndex::devices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& devices = index()->devices();
    auto array = Napi::Array::New(info.Env(), devices.size());
    for (size_t i = 0; i < devices.size(); i++) {
      array.Set(static_cast<uint32_t>(i), Napi::Number::New(info.Env(), devices[i]));
    }
    return array;
  });
}

Napi::Value NativeGpuIndex::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Call call(info.Env(), Arguments(info).number(0), false);
    run_on_strand(*strand_, call, [index = std::move(index_)]() mutable -> Result {
      index.reset();
      return [](Napi::Env env) { return env.Undefined(); };
    });
    return info.Env().Undefined();
  });
}

// toGpu(call, devices, spread, shards, float16) -> NativeGpuIndex. Whether there is a GPU at all is said before the
// strand is waited for, where an add may run for minutes.
Napi::Value Index::to_gpu(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    GpuOptions options;
    for (const int64_t device : arguments.ids(1)) options.devices.push_back(static_cast<int>(device));
    options.spread = arguments.boolean(2);
    options.shards = arguments.boolean(3);
    options.float16 = arguments.boolean(4);
    const Call call(info.Env(), arguments.number(0), false);
    Executor::instance().post_interactive(make_task([index, call, options = std::move(options)] {
      try {
        fault::point(fault::Place::kWork);
        call.ticket()->check();
        require_gpus();
      } catch (...) {
        return call.reject(std::current_exception());
      }
      run_on_strand(*index->strand, call, [index, options, ticket = call.ticket()]() -> Result {
        const auto copy = copy_to_gpu(*index, options, *ticket);
        return [copy](Napi::Env env) { return wrap_copy(env, copy); };
      });
    }));
    return info.Env().Undefined();
  });
}

}  // namespace quiver
