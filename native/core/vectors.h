// Float vectors on their way in: checked, normalised, and held in pieces until an add has used them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace quiver {

// FAISS aborts or never returns on NaN, infinities and squared distances that overflow (1e20 is enough; RELIABILITY
// notes in docs/architecture.md). With both squared norms under this bound, a squared distance stays under 4e37.
inline constexpr double kMaxSquaredNorm = 1e37;

// Throws E_NOT_FINITE naming the first bad vector when one of n * dim floats is not finite or a norm is too large.
// `first` is the number of the first vector, for the message; `limit` is less where a transform lengthens vectors.
void check_vectors(size_t n, size_t dim, const float* x, int64_t first = 0, double limit = kMaxSquaredNorm);

// Scales each vector to length 1; a zero vector stays zero, so that its cosine with anything is 0.
void normalize_vectors(size_t n, size_t dim, float* x);

// n * dim floats that came in pieces. Each piece is freed as soon as it has been used.
class Staging {
 public:
  explicit Staging(size_t dim) : dim_(dim) {}

  // A piece of `n` whole vectors to fill.
  float* append(size_t n);
  size_t dim() const { return dim_; }
  size_t size() const { return size_; }
  size_t pieces() const { return pieces_.size(); }
  size_t piece_size(size_t piece) const { return pieces_[piece].n; }
  const float* piece(size_t piece) const { return pieces_[piece].data.get(); }
  float* piece(size_t piece) { return pieces_[piece].data.get(); }
  void release(size_t piece) { pieces_[piece].data.reset(); }
  void check(double limit = kMaxSquaredNorm) const;
  void normalize();

 private:
  struct Piece {
    size_t n;
    std::unique_ptr<float[]> data;
  };
  size_t dim_;
  size_t size_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace quiver
