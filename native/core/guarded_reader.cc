#include "core/guarded_reader.h"

#include <faiss/Index.h>
#include <faiss/impl/FaissException.h>
#include <faiss/index_io.h>

#include <cstring>
#include <new>
#include <stdexcept>

#include "core/error.h"
#include "core/mend.h"

namespace quiver {

namespace {

// The deepest nests in earnest have about five (an id map around a transform around lists around a graph around codes).
constexpr int kMaxIndexes = 32;

constexpr uint32_t mark(const char (&text)[5]) {
  return static_cast<uint32_t>(text[0]) | static_cast<uint32_t>(text[1]) << 8 | static_cast<uint32_t>(text[2]) << 16 |
         static_cast<uint32_t>(text[3]) << 24;
}

// The four letters that begin what may hold others of its kind: an index (`IxFI`, `IwPQ`, `IHNf`, `NPLf` ...), or the
// one transform that is made of two.
bool begins_nest(uint32_t word) {
  if (word == mark("Viqt")) return true;
  const char first = static_cast<char>(word & 0xff);
  if (first != 'I' && first != 'N') return false;
  for (int shift = 8; shift < 32; shift += 8) {
    const char letter = static_cast<char>((word >> shift) & 0xff);
    const bool known = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '2';
    if (!known) return false;
  }
  return true;
}

}  // namespace

size_t GuardedReader::operator()(void* target, size_t size, size_t items) {
  const size_t got = faiss::ZeroCopyIOReader::operator()(target, size, items);
  if (size != sizeof(uint32_t) || items != 1 || got != 1) return got;
  uint32_t word;
  std::memcpy(&word, target, sizeof(word));
  if (word == mark("ilod")) {
    throw Error(code::kUnsupported, "it keeps its lists in another file; merge them into it first",
                "lists in the same file", "lists on disk");
  }
  if (word == mark("IxM2")) {
    word = mark("IxMp");
    std::memcpy(target, &word, sizeof(word));
  }
  if (begins_nest(word) && ++indexes_ > kMaxIndexes) {
    throw Error(code::kCorrupt, "its indexes are nested too deeply", "at most 32 indexes in one", "more");
  }
  return got;
}

std::unique_ptr<faiss::Index> read_guarded(const uint8_t* data, size_t size, const std::string& name) {
  const auto refuse = [&](const std::string& why) -> Error {
    return {code::kCorrupt, name + " is not an index that FAISS reads: " + why, "a FAISS index", "other bytes"};
  };
  std::unique_ptr<faiss::Index> index;
  try {
    GuardedReader reader(data, size);
    index.reset(faiss::read_index(&reader));
    if (index != nullptr) mend_after_read(index.get());
  } catch (const Error& error) {
    throw Error(error.code, name + " cannot be used: " + error.what() + ".", error.expected, error.actual);
  } catch (const faiss::FaissException& error) {
    throw refuse(error.msg);
  } catch (const std::length_error&) {
    throw refuse("it asks for an array longer than any can be.");
  }
  if (index == nullptr) throw Error(code::kCorrupt, name + " holds no index.", "a FAISS index", "none");
  return index;
}

}  // namespace quiver
