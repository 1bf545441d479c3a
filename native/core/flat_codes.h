// Exact search over plain vectors by codes with a bound (bound_codes.h): the same rows in the same order as by floats,
// with the distances of the vectors themselves.
//
// Derived when searches ask for it, never saved. Codes are those of the first rows(); rows that came later are compared
// as they are until codes catch up.
#pragma once

#include <faiss/IndexFlat.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/bound_codes.h"

namespace quiver {

class FlatCodes {
 public:
  using Allowed = std::function<bool(int64_t)>;
  // Fewer rows, or shorter vectors, gain nothing.
  static constexpr int64_t kFewest = 4096;
  static constexpr int kLeastDim = 32;
  static bool suits(const faiss::Index& index);
  // The vectors of a plain index, or those under a graph; null: there are none.
  static const faiss::IndexFlat* vectors_of(const faiss::Index& index);
  // Of no rows yet: encode() and append() until it covers all, then approve().
  static std::unique_ptr<FlatCodes> begin(const faiss::IndexFlat& index);

  // --- by the writer
  EncodedRows encode(const faiss::IndexFlat& index, int64_t n) const;
  bool has_room(int64_t rows) const { return codes_.has_room(static_cast<size_t>(rows)); }
  std::unique_ptr<FlatCodes> grown(int64_t rows) const;
  void append(const EncodedRows& rows) { codes_.append(rows); }
  void move(int64_t from, int64_t to) { codes_.move(static_cast<size_t>(from), static_cast<size_t>(to)); }
  void truncate(int64_t rows) { codes_.truncate(static_cast<size_t>(rows)); }
  // Whether a trial says that searches gain by them.
  bool approve(const faiss::IndexFlat& index);
  void serve() { serving_ = true; }
  bool serving() const { return serving_; }
  int64_t rows() const { return static_cast<int64_t>(codes_.rows()); }
  size_t bytes() const { return codes_.bytes(); }
  size_t width() const { return codes_.width(); }
  // How many vectors a search looked at, on average.
  double looked() const;
  // Too many rows without a bound: begin() anew.
  bool outgrown() const { return codes_.unbounded() > codes_.rows() / 64 + 64; }
  // So many rows without codes that searches are slower for it.
  bool behind(int64_t rows) const { return rows - this->rows() > this->rows() / 32 + 1024; }

  // --- by readers
  // False where floats had better do it.
  bool pays(const faiss::IndexFlat& index, int64_t n, int64_t k) const;
  // The k nearest of each query among rows that pass `allowed` (empty: all); -1 in places without a hit. Equal ones are
  // in the order of their rows. False, with nothing done, for queries that are to be searched without codes.
  bool search(const faiss::IndexFlat& index, int64_t n, const float* x, int64_t k, int threads, const Allowed& allowed,
              int64_t* rows, float* distances) const;

 private:
  bool gains(const faiss::IndexFlat& index, int64_t n, int64_t k) const;
  explicit FlatCodes(BoundCodes codes) : codes_(std::move(codes)) {}

  BoundCodes codes_;
  bool serving_ = false;
  // How many vectors searches had to look at: the measure by which codes pay.
  mutable std::atomic<int64_t> asked_{0}, looked_{0};
};

}  // namespace quiver
