#include "binding/errors.h"

#include <faiss/impl/FaissException.h>

#include <new>
#include <string>

#include "core/error.h"

namespace quiver {

namespace {

struct Description {
  const char* code;
  std::string message, expected, actual;
};

Description description_of(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return {e.code, e.what(), e.expected, e.actual};
  } catch (const faiss::FaissException& e) {
    return {code::kFaiss, Error(code::kFaiss, "FAISS refused the call: " + e.msg).what(), "", ""};
  } catch (const std::bad_alloc&) {
    return {code::kOutOfMemory,
            "There is not enough memory for this call. Give it less at once, or use a smaller kind of index.",
            "enough memory", "none left"};
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

}  // namespace quiver
