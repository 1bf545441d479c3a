// Codes beside a graph of whole vectors: searches walk by them and put the best in order by the vectors themselves.
//
// A walk waits for memory, so the codes are as short as answers bear: 4 bits a component, of fewer components where
// most of what vectors differ in lies in a subspace, or 8 bits. Vectors of whole numbers from 0 to 255 are kept as
// bytes too: these tell the distance itself, for a quarter of what the vectors take.
//
// They are derived from the index, never saved: what a graph is on disk stays FAISS's.
#pragma once

#include <faiss/IndexHNSW.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/byte_codes.h"
#include "kernels/graph_walk.h"
#include "kernels/nibble_codes.h"
#include "kernels/projection.h"

namespace quiver {

class GraphCodes {
 public:
  // Fewer rows gain nothing.
  static constexpr int64_t kFewest = 1000;
  // For a graph whose vectors are whole, in memory, and compared by l2 or inner product.
  static bool suits(const faiss::Index& index);
  // Asked now and then while codes are made.
  using Stop = std::function<bool()>;
  // Null when the index does not suit, when answers to queries made of its own vectors would suffer, or when stopped.
  static std::unique_ptr<GraphCodes> derive(const faiss::Index& index, const Stop& stop = {});

  // --- by the writer
  // Codes of rows that come next. With the lock held; needs no memory after a grown() that was large enough.
  void append(const float* x, int64_t n);
  void truncate(int64_t rows);
  bool has_room(int64_t rows) const;
  std::unique_ptr<GraphCodes> grown(int64_t rows) const;
  // Vectors that came later do not fit the scale: derive() anew.
  bool outgrown() const;
  // What rows may be linked by as they are; null where there are no 8 bits a component, or too many did not fit.
  const kernels::ByteCodes* linkable() const;
  int64_t rows() const { return static_cast<int64_t>(nibbles_ ? nibbles_->size() : bytes_->size()); }
  size_t bytes() const;

  // --- by readers
  // False for a query that is to be searched without codes.
  bool covers(const float* x) const { return nibbles_ || bytes_->covers(x); }
  // The k nearest of each query among rows that pass `filter` (null: all), found with `ef` candidates; -1 in places
  // without a hit. Distances are those of the vectors. Equal ones are in the order of their rows.
  void search(const faiss::IndexHNSW& graph, int64_t n, const float* x, int64_t k, int64_t ef,
              const kernels::RowFilter* filter, int64_t* rows, float* distances) const;

 private:
  struct Space;
  GraphCodes() = default;
  static std::unique_ptr<GraphCodes> of_nibbles(const faiss::IndexHNSW& graph, bool projected, const Stop& stop);
  static std::unique_ptr<GraphCodes> of_bytes(const faiss::IndexHNSW& graph, const Stop& stop);
  // Codes of all rows, by scales that are set. Null when stopped.
  static std::unique_ptr<GraphCodes> filled(const GraphCodes& empty, const faiss::IndexHNSW& graph, const Stop& stop);
  void find(const faiss::IndexHNSW& graph, const float* query, int64_t k, int64_t ef, const kernels::RowFilter* filter,
            Space& space) const;
  // How many candidates are put in order by their vectors.
  size_t rescored(int64_t k, const Space& space) const;

  // What is walked by: nibbles_ where there are any, of projected vectors where there is a projection, or else bytes_.
  std::optional<kernels::NibbleCodes> nibbles_;
  std::shared_ptr<const kernels::Projection> projection_;
  std::optional<kernels::ByteCodes> bytes_;
};

}  // namespace quiver
