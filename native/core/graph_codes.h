// 8-bit codes beside a graph of whole vectors: searches walk by them and put the best in order by the vectors
// themselves.
//
// They are derived from the index, never saved: what a graph is on disk stays FAISS's.
#pragma once

#include <faiss/IndexHNSW.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "kernels/byte_codes.h"

namespace quiver {

class GraphCodes {
 public:
  // Fewer rows gain nothing.
  static constexpr int64_t kFewest = 1000;
  // For a graph whose vectors are whole, in memory, and compared by l2 or inner product.
  static bool suits(const faiss::Index& index);
  // Null when the index does not suit, or when answers to queries made of its own vectors would suffer.
  static std::unique_ptr<GraphCodes> derive(const faiss::Index& index);

  // --- by the writer
  // Codes of rows that come next. With the lock held; needs no memory after a grown() that was large enough.
  void append(const float* x, int64_t n) { codes_.append(x, static_cast<size_t>(n)); }
  void truncate(int64_t rows) { codes_.truncate(static_cast<size_t>(rows)); }
  bool has_room(int64_t rows) const { return codes_.has_room(static_cast<size_t>(rows)); }
  std::unique_ptr<GraphCodes> grown(int64_t rows) const;
  // Vectors that came later do not fit the scale: derive() anew.
  bool outgrown() const;
  int64_t rows() const { return static_cast<int64_t>(codes_.size()); }
  size_t bytes() const { return codes_.bytes(); }

  // --- by readers
  // False for a query that is to be searched without codes.
  bool covers(const float* x) const { return codes_.covers(x); }
  // The k nearest of each query among rows that pass `allowed` (empty: all), found with `ef` candidates; -1 in places
  // without a hit. Distances are those of the vectors. Equal ones are in the order of their rows.
  void search(const faiss::IndexHNSW& graph, int64_t n, const float* x, int64_t k, int64_t ef,
              const std::function<bool(int64_t)>& allowed, int64_t* rows, float* distances) const;

 private:
  explicit GraphCodes(kernels::ByteCodes codes) : codes_(std::move(codes)) {}
  kernels::ByteCodes codes_;
};

}  // namespace quiver
