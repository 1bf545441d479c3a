// The one exception that native/core throws: a code that programs read and a message that people read.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace quiver {

namespace code {
inline constexpr const char* kArgument = "E_ARGUMENT";
inline constexpr const char* kDimension = "E_DIMENSION";
inline constexpr const char* kRange = "E_RANGE";
inline constexpr const char* kNotFinite = "E_NOT_FINITE";
inline constexpr const char* kExists = "E_EXISTS";
inline constexpr const char* kNotFound = "E_NOT_FOUND";
inline constexpr const char* kNotTrained = "E_NOT_TRAINED";
inline constexpr const char* kClosed = "E_CLOSED";
inline constexpr const char* kCorrupt = "E_CORRUPT";
inline constexpr const char* kVersion = "E_VERSION";
inline constexpr const char* kAborted = "E_ABORTED";
inline constexpr const char* kIo = "E_IO";
inline constexpr const char* kNoGpu = "E_NO_GPU";
inline constexpr const char* kUnsupported = "E_UNSUPPORTED";
inline constexpr const char* kOutOfMemory = "E_OUT_OF_MEMORY";
inline constexpr const char* kFaiss = "E_FAISS";
inline constexpr const char* kInternal = "E_INTERNAL";
}  // namespace code

struct Error : std::runtime_error {
  Error(const char* error_code, const std::string& message, std::string expected_value = {},
        std::string actual_value = {})
      : std::runtime_error(without_nul(message)),
        code(error_code),
        expected(std::move(expected_value)),
        actual(std::move(actual_value)) {}

  // Codes are compared as text: whether equal literals of two files are one pointer is up to the linker.
  bool is(std::string_view wanted) const { return wanted == code; }

  const char* code;
  std::string expected;
  std::string actual;

 private:
  // FAISS ends its messages with a NUL, at which what() would end too.
  static std::string without_nul(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
    return text;
  }
};

}  // namespace quiver
