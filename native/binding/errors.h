// From C++ exceptions to what lib/ turns into a QuiverError.
#pragma once

#include <napi.h>

#include <exception>

#include "core/fault.h"

namespace quiver {

// { code, message, expected, actual } of any exception.
Napi::Object describe_error(Napi::Env env, std::exception_ptr error);

// Throws any exception as a QuiverError of lib/.
[[noreturn]] void throw_to_js(Napi::Env env, std::exception_ptr error);

// Runs `call` and throws whatever it throws as a JS error with a code. Every function that JS can call goes through
// this.
template <typename F>
Napi::Value guarded(Napi::Env env, F&& call) {
  try {
    fault::point(fault::Place::kEntry);
    return call();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw_to_js(env, std::current_exception());
  }
}

}  // namespace quiver
