// 8-bit codes that rows are linked into a graph by, for as long as an add takes.
#pragma once

#include <faiss/IndexHNSW.h>

#include <cstdint>
#include <optional>

#include "kernels/byte_codes.h"

namespace quiver {

class LinkingCodes {
 public:
  // So many rows will come.
  void expect(int64_t n) { expected_ = n; }
  // Called before the n vectors `x` are stored: makes the codes of what is there already, if codes would pay. There are
  // none where there is no memory, or where they put the nearest of these vectors in another order than they are.
  void prepare(const faiss::IndexHNSW& graph, int64_t n, const float* x);
  // Of all rows up to these, which come next; null where there are none.
  const kernels::ByteCodes* with(int64_t n, const float* x);

 private:
  std::optional<kernels::ByteCodes> codes_;
  int64_t expected_ = 0;
  bool refused_ = false;
};

}  // namespace quiver
