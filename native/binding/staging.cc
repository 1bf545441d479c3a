#include "binding/staging.h"

#include <cstring>
#include <utility>

#include "binding/arguments.h"
#include "binding/errors.h"
#include "core/error.h"

namespace quiver {

namespace {

// A wrapped object of another class would be read as one of ours: tags tell them apart.
constexpr napi_type_tag kVectorTag = {0x51a9f1f0c2e84d1bull, 0x9d0f6b7c3a2e4f10ull};
constexpr napi_type_tag kByteTag = {0x7be0d1c35f6a4e2dull, 0x8c1e2d3f4a5b6c7dull};

void check_tag(const Napi::Value& value, const napi_type_tag& tag) {
  bool fits = false;
  if (value.IsObject()) napi_check_object_type_tag(value.Env(), value, &tag, &fits);
  if (!fits) throw Error(code::kArgument, "Expected a staging object.", "a staging object", "something else");
}

}  // namespace

Napi::Function VectorStaging::define(Napi::Env env) {
  return DefineClass(
      env, "VectorStaging",
      {InstanceMethod<&VectorStaging::append>("append"), InstanceMethod<&VectorStaging::release>("release")});
}

VectorStaging::VectorStaging(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    staging_.emplace(static_cast<size_t>(Arguments(info).integer(0, 1, 65536)));
    napi_type_tag_object(info.Env(), info.This(), &kVectorTag);
    return info.Env().Undefined();
  });
}

VectorStaging* VectorStaging::from(const Napi::Value& value) {
  check_tag(value, kVectorTag);
  return Unwrap(value.As<Napi::Object>());
}

Staging VectorStaging::take() {
  if (!staging_) throw Error(code::kArgument, "The staging object was used already.", "a fresh one", "a used one");
  Staging taken = std::move(*staging_);
  staging_.reset();
  return taken;
}

Napi::Value VectorStaging::append(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto floats = Arguments(info).floats(0, 0);
    if (!staging_) throw Error(code::kArgument, "The staging object was used already.", "a fresh one", "a used one");
    const size_t dim = staging_->dim(), length = floats.ElementLength();
    if (length == 0 || length % dim != 0) {
      throw Error(code::kDimension, "A piece must hold whole vectors.", "a multiple of " + std::to_string(dim),
                  std::to_string(length));
    }
    std::memcpy(staging_->append(length / dim), floats.Data(), length * sizeof(float));
    return info.Env().Undefined();
  });
}

Napi::Value VectorStaging::release(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    staging_.reset();
    return info.Env().Undefined();
  });
}

Napi::Function ByteStaging::define(Napi::Env env) {
  return DefineClass(
      env, "ByteStaging",
      {InstanceMethod<&ByteStaging::append>("append"), InstanceMethod<&ByteStaging::release>("release")});
}

ByteStaging::ByteStaging(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    region_ = Region::allocate(static_cast<size_t>(Arguments(info).integer(0, 1, int64_t{1} << 46)));
    napi_type_tag_object(info.Env(), info.This(), &kByteTag);
    return info.Env().Undefined();
  });
}

ByteStaging* ByteStaging::from(const Napi::Value& value) {
  check_tag(value, kByteTag);
  return Unwrap(value.As<Napi::Object>());
}

std::shared_ptr<Region> ByteStaging::take() {
  if (!region_ || used_ != region_->size()) {
    throw Error(code::kArgument, "The staging object is not full, or was used already.", "all bytes",
                std::to_string(used_));
  }
  return std::move(region_);
}

Napi::Value ByteStaging::append(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsTypedArray() ||
        info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      throw Error(code::kArgument, "Expected a Uint8Array.", "a Uint8Array", "something else");
    }
    const auto bytes = info[0].As<Napi::Uint8Array>();
    if (!region_ || bytes.ElementLength() > region_->size() - used_) {
      throw Error(code::kArgument, "More bytes came than were announced.", "fewer bytes",
                  std::to_string(bytes.ElementLength()));
    }
    if (bytes.ElementLength() > 0) std::memcpy(region_->writable() + used_, bytes.Data(), bytes.ElementLength());
    used_ += bytes.ElementLength();
    return info.Env().Undefined();
  });
}

Napi::Value ByteStaging::release(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    region_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace quiver
