#include "binding/errors.h"

#include <faiss/impl/FaissException.h>

#include <new>
#include <string>
#include <system_error>

#include "binding/environment.h"
#include "core/error.h"

namespace quiver {

namespace {

struct Description {
  const char* code;
  std::string message, expected, actual;
};

Description out_of_memory() {
  return {code::kOutOfMemory,
          "There is not enough memory for this call. Give it less at once, or use a smaller kind of index.",
          "enough memory", "none left"};
}

Description description_of(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return {e.code, e.what(), e.expected, e.actual};
  } catch (const faiss::FaissException& e) {
    // What was thrown in an OpenMP region comes as text.
    if (e.msg.find("bad_alloc") != std::string::npos) return out_of_memory();
    return {code::kFaiss, Error(code::kFaiss, "FAISS refused the call: " + e.msg).what(), "", ""};
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::system_error& e) {
    // What the C++ library throws when a thread or a lock is not to be had; files have errors of our own.
    const bool short_of =
        e.code() == std::errc::resource_unavailable_try_again || e.code() == std::errc::not_enough_memory;
    if (short_of) return out_of_memory();
    return {code::kInternal, std::string("Unexpected error of the system: ") + e.what(), "", ""};
  } catch (const std::exception& e) {
    return {code::kInternal, std::string("Unexpected native error: ") + e.what(), "", ""};
  } catch (...) {
    return {code::kInternal, "Unexpected native error.", "", ""};
  }
}

}  // namespace

Napi::Object describe_error(Napi::Env env, std::exception_ptr error) {
  const Description description = description_of(error);
  auto object = Napi::Object::New(env);
  object.Set("code", description.code);
  object.Set("message", description.message);
  if (!description.expected.empty()) object.Set("expected", description.expected);
  if (!description.actual.empty()) object.Set("actual", description.actual);
  return object;
}

void throw_to_js(Napi::Env env, std::exception_ptr error) {
  const Napi::Object description = describe_error(env, error);
  const auto& error_class = Environment::of(env)->error_class;
  if (!error_class.IsEmpty()) {
    // Made by JS, so that it has the class, the fields and the stack of an error thrown in lib/.
    const Napi::Object made = error_class.New({description.Get("code"), description.Get("message"), description});
    throw Napi::Error(env, made);
  }
  const Napi::Error plain = Napi::Error::New(env, description.Get("message").As<Napi::String>().Utf8Value());
  for (const char* key : {"code", "expected", "actual"}) plain.Value().Set(key, description.Get(key));
  // NOLINTNEXTLINE(misc-throw-by-value-catch-by-reference): it is made in steps.
  throw plain;
}

}  // namespace quiver
