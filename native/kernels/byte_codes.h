// Vectors as bytes: one scale for all components, so that integer dot products order rows nearly as float distances do.
//
//   code = round((x - offset) / scale), from 0 to 255
//
// Vectors of whole numbers from 0 to 255 are their own codes, and the order is exact. See [1] for why graphs bear it.
// [1] C. Aguerrebere et al., Similarity search in the blink of an eye with compressed indices, VLDB 2023.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/byte_dots.h"

namespace quiver::kernels {

struct ByteScale {
  float scale = 1;
  float offset = 0;
  // Rows of whole numbers: codes lose nothing.
  bool exact = false;

  // For n vectors: symmetric for inner products, between the extremes otherwise.
  static ByteScale of(const float* x, size_t n, size_t dim, bool similarity);
};

// A query, ready to be compared with codes.
struct ByteQuery {
  AlignedBytes codes;  // signed; 128 less than a row's
  // Scores of exact codes tell the distance itself.
  bool exact = false;
  // What is to be added to a score for that.
  int32_t base = 0;
};

class ByteCodes {
 public:
  ByteCodes(size_t dim, ByteScale scale, bool similarity);

  size_t size() const { return biases_.size(); }
  size_t bytes() const { return codes_.capacity() + biases_.capacity() * sizeof(int32_t); }
  bool exact() const { return scale_.exact; }
  // Components that did not fit the scale and were cut, or rounded where codes are to be exact, of all that were
  // encoded.
  uint64_t clipped() const { return clipped_; }
  uint64_t components() const { return size() * dim_; }

  // Needs no memory for rows up to a reserve().
  void append(const float* x, size_t n);
  void truncate(size_t rows);
  // A copy with room for more.
  ByteCodes grown(size_t rows) const;
  bool has_room(size_t rows) const { return rows <= biases_.capacity() && rows * stride_ <= codes_.capacity(); }

  // False for a query too far outside the scale for the order by codes to mean anything.
  bool covers(const float* x) const;
  void prepare(const float* x, ByteQuery& query) const;
  // A row as a query to the others, for the order alone.
  void prepare_row(int32_t row, ByteQuery& query) const;
  // Less is nearer, for both kinds of metric.
  void scores(const ByteQuery& query, const int32_t* rows, size_t n, int32_t* out) const {
    dots_(codes_.data(), stride_, rows, n, reinterpret_cast<const int8_t*>(query.codes.data()), out);
    for (size_t i = 0; i < n; i++) out[i] = biases_[static_cast<size_t>(rows[i])] - factor_ * out[i];
  }
  // The squared distance or the inner product, where query.exact.
  float distance(const ByteQuery& query, int32_t score) const {
    return static_cast<float>(similarity_ ? -(query.base + score) : query.base + score);
  }
  void prefetch(int32_t row) const {
    const uint8_t* at = codes_.data() + static_cast<size_t>(row) * stride_;
    for (size_t line = 0; line < stride_; line += 64) __builtin_prefetch(at + line);
  }

 private:
  // An order by inner products is the same at any length of the query, so each is brought to the whole range of codes.
  bool own_scale() const { return similarity_ && !scale_.exact; }

  size_t dim_;
  size_t stride_;
  ByteScale scale_;
  bool similarity_;
  int32_t factor_;
  ByteDots dots_;
  AlignedBytes codes_;
  std::vector<int32_t> biases_;
  uint64_t clipped_ = 0;
};

}  // namespace quiver::kernels
