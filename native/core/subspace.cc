#include "core/subspace.h"

#include <faiss/utils/random.h>
#include <faiss/utils/utils.h>

#include <cstring>

#include "core/blas.h"

namespace quiver {

namespace {

constexpr int kTurns = 3;
constexpr int64_t kSeed = 20251;

// c (rows * columns) = a (rows * inner) * b (inner * columns), or with b given as columns * inner.
void multiply(const float* a, const float* b, bool b_by_columns, size_t rows, size_t inner, size_t columns, float* c) {
  auto m = static_cast<FINTEGER>(columns), n = static_cast<FINTEGER>(rows), k = static_cast<FINTEGER>(inner);
  FINTEGER ldb = b_by_columns ? k : m;
  const float one = 1;
  const float zero = 0;
  sgemm_(b_by_columns ? "T" : "N", "N", &m, &n, &k, &one, b, &ldb, a, &k, &zero, c, &m);
}

// c (columns of a * columns) = transposed a (rows * inner) * b (rows * columns)
void multiply_transposed(const float* a, const float* b, size_t rows, size_t inner, size_t columns, float* c) {
  auto m = static_cast<FINTEGER>(columns), n = static_cast<FINTEGER>(inner), k = static_cast<FINTEGER>(rows);
  const float one = 1;
  const float zero = 0;
  sgemm_("N", "T", &m, &n, &k, &one, b, &m, a, &n, &zero, c, &m);
}

std::vector<float> random_basis(size_t size, size_t dim, int64_t seed) {
  std::vector<float> basis(size * dim);
  faiss::float_randn(basis.data(), basis.size(), seed);
  faiss::matrix_qr(static_cast<int>(dim), static_cast<int>(size), basis.data());
  return basis;
}

double squares(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  return sum;
}

}  // namespace

Subspace subspace_of(const float* x, size_t n, size_t dim, size_t size, bool centred) {
  const OneThread alone;
  Subspace found;
  found.mean.assign(dim, 0);
  std::vector<float> rows(n * dim);
  std::memcpy(rows.data(), x, n * dim * sizeof(float));
  if (centred) {
    std::vector<double> sum(dim, 0);
    for (size_t i = 0; i < n * dim; i++) sum[i % dim] += rows[i];
    for (size_t j = 0; j < dim; j++) found.mean[j] = static_cast<float>(sum[j] / static_cast<double>(n));
    for (size_t i = 0; i < n * dim; i++) rows[i] -= found.mean[i % dim];
  }
  std::vector<float> basis = random_basis(size, dim, kSeed), projected(n * size), turned(size * dim);
  for (int turn = 0; turn < kTurns; turn++) {
    multiply(rows.data(), basis.data(), true, n, dim, size, projected.data());
    // size * dim: what becomes of each axis
    multiply_transposed(projected.data(), rows.data(), n, size, dim, turned.data());
    basis.swap(turned);
    faiss::matrix_qr(static_cast<int>(dim), static_cast<int>(size), basis.data());
  }
  multiply(rows.data(), basis.data(), true, n, dim, size, projected.data());
  const double all = squares(rows);
  found.share = all > 0 ? squares(projected) / all : 1;
  const auto rotation = random_basis(size, size, kSeed + 1);
  found.basis.resize(size * dim);
  multiply(rotation.data(), basis.data(), false, size, size, dim, found.basis.data());
  return found;
}

}  // namespace quiver
