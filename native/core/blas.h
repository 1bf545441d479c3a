// What is called of BLAS directly.
#pragma once

#include <omp.h>

extern "C" {
int sgemm_(const char* a_turned, const char* b_turned, FINTEGER* m, FINTEGER* n, FINTEGER* k, const float* alpha,
           const float* a, FINTEGER* lda, const float* b, FINTEGER* ldb, const float* beta, float* c, FINTEGER* ldc);
int sgemv_(const char* turned, FINTEGER* m, FINTEGER* n, const float* alpha, const float* a, FINTEGER* lda,
           const float* x, FINTEGER* step_x, const float* beta, float* y, FINTEGER* step_y);
}

namespace quiver {

// While it lives, BLAS and FAISS work on the calling thread alone. In small products beside other work the members of a
// team wait for each other longer than they work.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_ = omp_get_max_threads();
};

}  // namespace quiver
