// How the parts of check_structure() say what is wrong, and reach each other.
//
// Each part takes an object that FAISS has read from a file and looks at every number in it that a search, an add or a
// save will believe. What passes may hold nonsense vectors, but sends nothing out of bounds. The rule for new code in
// here: compare with what follows from the few primary sizes (d, M, nbits, nlist, rows), never trust a derived one.
#pragma once

#include <faiss/Index.h>
#include <faiss/IndexFastScan.h>
#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/AdditiveQuantizer.h>
#include <faiss/impl/ProductQuantizer.h>
#include <faiss/impl/RaBitQuantizer.h>
#include <faiss/impl/ScalarQuantizer.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace quiver {

// What a file says is of some kind may be any number, which must not be read as one of the enumeration before it is
// known to be.
template <typename Enumeration>
int number_of(const Enumeration& value) {
  int number;
  static_assert(sizeof(number) == sizeof(value));
  std::memcpy(&number, &value, sizeof(number));
  return number;
}

class Inspection {
 public:
  explicit Inspection(const std::string& name) : name_(name) {}

  void require(bool sound, const char* what) const {
    if (!sound) refuse(what);
  }
  [[noreturn]] void refuse(const std::string& what) const;   // E_CORRUPT
  [[noreturn]] void unknown(const std::string& what) const;  // E_UNSUPPORTED

  // An index of any kind that Quiver knows.
  void index(const faiss::Index& index, int64_t rows) const;

  // Arrays with one code a row.
  void codes(const faiss::IndexFlatCodes& codes, int64_t rows) const;
  void fast_scan(const faiss::IndexFastScan& scan, int64_t rows) const;
  void graph(const faiss::IndexHNSW& graph, int64_t rows) const;
  void lists(const faiss::IndexIVF& lists, int64_t rows) const;
  void transform(const faiss::VectorTransform& step) const;

  void quantizer(const faiss::ProductQuantizer& pq, int64_t dim) const;
  void quantizer(const faiss::ScalarQuantizer& sq, int64_t dim, bool trained) const;
  void quantizer(const faiss::RaBitQuantizer& rabitq, int64_t dim, faiss::MetricType metric, int query_bits) const;
  void quantizer(const faiss::AdditiveQuantizer& aq, int64_t dim, faiss::MetricType metric, bool trained) const;
  // Sizes of four-bit codes in blocks of `block` rows, as both kinds of FastScan have them.
  void blocks(size_t parts, size_t parts_rounded, size_t bits, size_t table, int block) const;

 private:
  const std::string& name_;
};

// Numbers that an index takes its tables from, all finite.
bool all_finite(const std::vector<float>& values);

}  // namespace quiver
