// From C++ exceptions to what lib/ turns into a QuiverError.
#pragma once

#include <napi.h>

#include <exception>

namespace quiver {

// { code, message, expected, actual } of any exception.
Napi::Object describe_error(Napi::Env env, std::exception_ptr error);

// Runs `call` and throws whatever it throws as a JS error that carries code, expected and actual. Every function that
// JS can call goes through this.
template <typename F>
Napi::Value guarded(Napi::Env env, F&& call) {
  try {
    return call();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    const Napi::Object description = describe_error(env, std::current_exception());
    const Napi::Error error = Napi::Error::New(env, description.Get("message").As<Napi::String>().Utf8Value());
    for (const char* key : {"code", "expected", "actual"}) error.Value().Set(key, description.Get(key));
    throw error;
  }
}

}  // namespace quiver
