// The calls of Index that write, and those that must not meet a write: all go through the strand of the index.
#include <utility>

#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/index.h"
#include "binding/staging.h"
#include "binding/work.h"

namespace quiver {

namespace {

Result undefined() {
  return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
}

Result number(double value) {
  return [value](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, value); };
}

Result bytes(std::vector<uint8_t> content) {
  auto held = std::make_shared<std::vector<uint8_t>>(std::move(content));
  return [held](Napi::Env env) -> Napi::Value {
    const size_t n = held->size();
    return Napi::Uint8Array::New(env, n, to_array_buffer(env, std::move(*held)), 0);
  };
}

// A task must be copyable; a Staging is not.
std::shared_ptr<Staging> take_staging(const Napi::Value& value) {
  return std::make_shared<Staging>(VectorStaging::from(value)->take());
}

}  // namespace

// train(call, staging, spec | undefined)
Napi::Value Index::train(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    std::optional<Spec> spec;
    if (!arguments.absent(2)) spec = arguments.spec(2);
    const auto& index = state();
    auto staging = take_staging(info[1]);
    const Call call(info.Env(), arguments.number(0), true);
    run_on_strand(*index->strand, call, [index, staging, spec, ticket = call.ticket()]() -> Result {
      index->train(std::move(*staging), spec, *ticket);
      return undefined();
    });
    return info.Env().Undefined();
  });
}

// add(call, staging, ids | undefined, refuseExisting) -> { ids, added, replaced }
Napi::Value Index::add(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    std::optional<std::vector<int64_t>> ids;
    if (!arguments.absent(2)) ids = arguments.ids(2);
    const bool refuse = arguments.boolean(3);
    const auto& index = state();
    auto staging = take_staging(info[1]);
    if (ids && ids->size() != staging->size()) {
      throw Error(code::kDimension, "There must be one id for each vector.", std::to_string(staging->size()),
                  std::to_string(ids->size()));
    }
    const Call call(info.Env(), arguments.number(0), true);
    run_on_strand(*index->strand, call,
                  [index, staging, ids = std::move(ids), refuse, ticket = call.ticket()]() -> Result {
                    auto outcome = std::make_shared<AddOutcome>(index->add(std::move(*staging), ids, refuse, *ticket));
                    return [outcome, bigint = index->bigint_ids()](Napi::Env env) -> Napi::Value {
                      auto object = Napi::Object::New(env);
                      object.Set("ids", ids_to_js(env, std::move(outcome->ids), bigint));
                      object.Set("added", static_cast<double>(outcome->added));
                      object.Set("replaced", static_cast<double>(outcome->replaced));
                      return object;
                    };
                  });
    return info.Env().Undefined();
  });
}

// remove(call, ids) -> how many
Napi::Value Index::remove(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const Call call(info.Env(), arguments.number(0), false);
    run_on_strand(*index->strand, call, [index, ids = arguments.ids(1), ticket = call.ticket()]() -> Result {
      return number(static_cast<double>(index->remove(ids, *ticket)));
    });
    return info.Env().Undefined();
  });
}

Napi::Value Index::reset(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& index = state();
    run_on_strand(*index->strand, Call(info.Env(), Arguments(info).number(0), false), [index]() -> Result {
      index->reset();
      return undefined();
    });
    return info.Env().Undefined();
  });
}

// rebuild(call, spec | undefined)
Napi::Value Index::rebuild(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    std::optional<Spec> spec;
    if (!arguments.absent(1)) spec = arguments.spec(1);
    const auto& index = state();
    const Call call(info.Env(), arguments.number(0), true);
    index->rebuild(std::move(spec), call.ticket(), [call](std::exception_ptr error) {
      if (error) {
        call.reject(error);
      } else {
        call.resolve(undefined());
      }
    });
    return info.Env().Undefined();
  });
}

// setParameters(call, efConstruction, efSearch, nprobe); 0 leaves one as it is
Napi::Value Index::set_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    auto value = [&](size_t i) { return static_cast<int>(arguments.integer(i, 0, 1 << 30)); };
    run_on_strand(*index->strand, Call(info.Env(), arguments.number(0), false),
                  [index, construction = value(1), search = value(2), nprobe = value(3)]() -> Result {
                    index->set_parameters(construction, search, nprobe);
                    return undefined();
                  });
    return info.Env().Undefined();
  });
}

// save(call, path) -> bytes written
Napi::Value Index::save(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const Call call(info.Env(), arguments.number(0), true);
    run_on_strand(*index->strand, call, [index, path = arguments.text(1), ticket = call.ticket()]() -> Result {
      return number(static_cast<double>(index->save(path, *ticket)));
    });
    return info.Env().Undefined();
  });
}

// toBuffer(call) -> Uint8Array
Napi::Value Index::to_buffer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& index = state();
    const Call call(info.Env(), Arguments(info).number(0), true);
    run_on_strand(*index->strand, call,
                  [index, ticket = call.ticket()]() -> Result { return bytes(index->to_bytes(*ticket)); });
    return info.Env().Undefined();
  });
}

// exportFaiss(call, path | undefined) -> bytes written, or a Uint8Array
Napi::Value Index::export_faiss(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const bool to_memory = arguments.absent(1);
    const std::string path = to_memory ? "" : arguments.text(1);
    const Call call(info.Env(), arguments.number(0), true);
    run_on_strand(*index->strand, call, [index, to_memory, path, ticket = call.ticket()]() -> Result {
      if (to_memory) return bytes(index->export_faiss_bytes(*ticket));
      return number(static_cast<double>(index->export_faiss(path, *ticket)));
    });
    return info.Env().Undefined();
  });
}

}  // namespace quiver
