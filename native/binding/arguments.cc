#include "binding/arguments.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace quiver {

namespace {

[[noreturn]] void wrong(size_t i, const char* expected) {
  throw Error(code::kArgument, "Argument " + std::to_string(i + 1) + " of a native call must be " + expected + ".",
              expected, "something else");
}

constexpr double kMaxSafe = 9007199254740991.0;

}  // namespace

Napi::Value Arguments::at(size_t i) const {
  return i < info_.Length() ? info_[i] : info_.Env().Undefined();
}

double Arguments::number(size_t i) const {
  const Napi::Value value = at(i);
  if (!value.IsNumber()) wrong(i, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t Arguments::integer(size_t i, int64_t min, int64_t max) const {
  const double value = number(i);
  if (!(value >= static_cast<double>(min) && value <= static_cast<double>(max)) || std::floor(value) != value) {
    throw Error(code::kRange, "Argument " + std::to_string(i + 1) + " of a native call is out of range.",
                std::to_string(min) + " to " + std::to_string(max), std::to_string(value));
  }
  return static_cast<int64_t>(value);
}

bool Arguments::boolean(size_t i) const {
  const Napi::Value value = at(i);
  if (!value.IsBoolean()) wrong(i, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string Arguments::text(size_t i) const {
  const Napi::Value value = at(i);
  if (!value.IsString()) wrong(i, "a string");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object Arguments::object(size_t i) const {
  const Napi::Value value = at(i);
  if (!value.IsObject()) wrong(i, "an object");
  return value.As<Napi::Object>();
}

Napi::Float32Array Arguments::floats(size_t i, size_t length) const {
  const Napi::Value value = at(i);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    wrong(i, "a Float32Array");
  }
  const auto array = value.As<Napi::Float32Array>();
  if (length != 0 && array.ElementLength() != length) {
    throw Error(code::kDimension, "A Float32Array has the wrong length.", std::to_string(length),
                std::to_string(array.ElementLength()));
  }
  return array;
}

std::vector<int64_t> read_ids(const Napi::Value& value) {
  if (!value.IsTypedArray()) wrong(0, "a Float64Array or a BigInt64Array");
  const auto array = value.As<Napi::TypedArray>();
  const size_t n = array.ElementLength();
  std::vector<int64_t> ids(n);
  if (array.TypedArrayType() == napi_bigint64_array) {
    const auto big = value.As<Napi::BigInt64Array>();
    if (n > 0) std::memcpy(ids.data(), big.Data(), n * sizeof(int64_t));
  } else if (array.TypedArrayType() == napi_float64_array) {
    const auto* from = value.As<Napi::Float64Array>().Data();
    for (size_t i = 0; i < n; i++) {
      if (!(std::abs(from[i]) <= kMaxSafe) || std::floor(from[i]) != from[i]) {
        throw Error(code::kRange, "Id " + std::to_string(i) + " is not a safe integer.", "a safe integer",
                    std::to_string(from[i]));
      }
      ids[i] = static_cast<int64_t>(from[i]);
    }
  } else {
    wrong(0, "a Float64Array or a BigInt64Array");
  }
  return ids;
}

std::vector<int64_t> Arguments::ids(size_t i) const {
  return read_ids(at(i));
}

std::shared_ptr<const Filter> Arguments::filter(size_t i) const {
  if (absent(i)) return nullptr;
  if (!at(i).IsArray()) wrong(i, "an array of filter steps");
  const auto list = at(i).As<Napi::Array>();
  std::vector<Filter::Step> steps;
  int64_t depth = 0;  // of the stack that evaluates the steps
  for (uint32_t s = 0; s + 1 < list.Length(); s += 2) {
    const Napi::Value op_value = list.Get(s), payload = list.Get(s + 1);
    if (!op_value.IsString()) wrong(i, "an array of filter steps");
    const std::string op = op_value.As<Napi::String>().Utf8Value();
    Filter::Step step{};
    if (op == "ids" || op == "range") {
      step.op = op == "ids" ? Filter::Op::kIds : Filter::Op::kRange;
      step.ids = read_ids(payload);
      if (step.op == Filter::Op::kRange && step.ids.size() != 2) wrong(i, "a range of two ids");
      depth++;
    } else if (op == "bitmap") {
      step.op = Filter::Op::kBitmap;
      if (!payload.IsTypedArray() || payload.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
        wrong(i, "a Uint8Array bitmap");
      }
      const auto bytes = payload.As<Napi::Uint8Array>();
      step.bitmap.assign(bytes.Data(), bytes.Data() + bytes.ElementLength());
      depth++;
    } else if (op == "not") {
      step.op = Filter::Op::kNot;
      if (depth < 1) wrong(i, "an array of filter steps");
    } else if ((op == "and" || op == "or") && payload.IsNumber()) {
      step.op = op == "and" ? Filter::Op::kAnd : Filter::Op::kOr;
      step.operands = payload.As<Napi::Number>().Int64Value();
      if (step.operands < 1 || step.operands > depth) wrong(i, "an array of filter steps");
      depth -= step.operands - 1;
    } else {
      wrong(i, "an array of filter steps");
    }
    steps.push_back(std::move(step));
  }
  if (depth != 1) wrong(i, "an array of filter steps");
  return std::make_shared<const Filter>(std::move(steps));
}

Spec Arguments::spec(size_t i) const {
  const Napi::Object object = this->object(i);
  auto number_of = [&](const char* key, double fallback) {
    const Napi::Value value = object.Get(key);
    return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : fallback;
  };
  auto text_of = [&](const char* key) {
    const Napi::Value value = object.Get(key);
    if (!value.IsString()) wrong(i, "a spec with metric and factory");
    return value.As<Napi::String>().Utf8Value();
  };
  Spec spec;
  spec.dim = static_cast<int64_t>(number_of("dim", 0));
  spec.metric = metric_from_name(text_of("metric"));
  spec.metric_arg = static_cast<float>(number_of("metricArg", 2));
  spec.factory = text_of("factory");
  spec.ef_construction = static_cast<int>(number_of("efConstruction", 0));
  spec.ef_search = static_cast<int>(number_of("efSearch", 0));
  spec.nprobe = static_cast<int>(number_of("nprobe", 0));
  return spec;
}

}  // namespace quiver
