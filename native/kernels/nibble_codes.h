// Vectors as 4 bits a component, each component with a scale of its own. A walk over a graph waits for memory: half the
// bytes are nearly twice the speed, and what the order loses is won back by comparing a few more of the best in full.
//
//   code = round((x - offset) / step), from 0 to 15
//
// [1] C. Aguerrebere et al., Similarity search in the blink of an eye with compressed indices, VLDB 2023.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/nibble_dots.h"

namespace quiver::kernels {

// How the components of vectors are spread.
struct NibbleScale {
  std::vector<float> offset, step;
  // Of a sample of n vectors: 2.6 standard deviations around the mean, or what there is if that is less. That range
  // makes the least error with 16 levels for components that are normally distributed.
  static NibbleScale of(const float* x, size_t n, size_t dim);
};

struct NibbleQuery {
  AlignedBytes weights;
  float bias_factor = 0;
};

class NibbleCodes {
 public:
  NibbleCodes(NibbleScale scale, bool similarity);

  size_t size() const { return rows_; }
  size_t dim() const { return scale_.step.size(); }
  size_t bytes() const { return codes_.capacity() + biases_.capacity() * sizeof(float); }
  // Components so far outside the scale that their rows may be misplaced, of all that were encoded.
  uint64_t clipped() const { return clipped_; }
  uint64_t components() const { return rows_ * dim(); }

  // Needs no memory for rows up to a reserve().
  void append(const float* x, size_t n);
  void truncate(size_t rows);
  // A copy with room for more.
  NibbleCodes grown(size_t rows) const;
  bool has_room(size_t rows) const { return rows * stride_ <= codes_.capacity() && rows <= biases_.capacity(); }

  void prepare(const float* x, NibbleQuery& query) const;
  // Less is nearer, for both kinds of metric.
  void scores(const NibbleQuery& query, const int32_t* rows, size_t n, int32_t* out) const {
    dots_(codes_.data(), stride_, rows, n, reinterpret_cast<const int8_t*>(query.weights.data()), out);
    if (similarity_) {
      for (size_t i = 0; i < n; i++) out[i] = -out[i];
    } else {
      for (size_t i = 0; i < n; i++) {
        out[i] = static_cast<int32_t>(biases_[static_cast<size_t>(rows[i])] * query.bias_factor) - out[i];
      }
    }
  }
  void prefetch(int32_t row) const {
    const uint8_t* at = codes_.data() + static_cast<size_t>(row) * stride_;
    for (size_t line = 0; line < stride_; line += 64) __builtin_prefetch(at + line);
    if (!similarity_) __builtin_prefetch(biases_.data() + row);
  }

 private:
  NibbleScale scale_;
  bool similarity_;
  size_t stride_;
  NibbleDots dots_;
  size_t rows_ = 0;
  AlignedBytes codes_;
  // Squared lengths of what codes stand for, less a constant: for distances alone.
  std::vector<float> biases_;
  float most_bias_ = 0;
  uint64_t clipped_ = 0;
};

}  // namespace quiver::kernels
