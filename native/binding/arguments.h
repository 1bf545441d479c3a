// Checked reading of JS values. lib/ checks first and better; these checks are what keeps native memory safe when it
// did not.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/factory.h"
#include "core/filter.h"
#include "core/searcher.h"

namespace quiver {

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  double number(size_t i) const;
  int64_t integer(size_t i, int64_t min, int64_t max) const;
  bool boolean(size_t i) const;
  std::string text(size_t i) const;
  bool absent(size_t i) const { return i >= info_.Length() || info_[i].IsUndefined() || info_[i].IsNull(); }
  Napi::Object object(size_t i) const;
  // A Float32Array of exactly `length` floats (0: any), read in place.
  Napi::Float32Array floats(size_t i, size_t length) const;
  // A Float64Array of integers or a BigInt64Array, copied.
  std::vector<int64_t> ids(size_t i) const;
  // The postfix steps that lib/filter.ts makes: [op, payload, op, payload, ...].
  std::shared_ptr<const Filter> filter(size_t i) const;
  Spec spec(size_t i) const;

 private:
  Napi::Value at(size_t i) const;
  const Napi::CallbackInfo& info_;
};

// Whole numbers from a Float64Array, or a BigInt64Array as it is.
std::vector<int64_t> read_ids(const Napi::Value& value);

}  // namespace quiver
