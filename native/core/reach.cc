#include "core/reach.h"

#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/VectorTransform.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/vectors.h"

namespace quiver {

namespace {

// The length of a transformed vector is at most gain * length + shift.
struct Reach {
  double gain = 1;
  double shift = 0;
  Reach then(const Reach& next) const { return {gain * next.gain, shift * next.gain + next.shift}; }
};

double length_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

Reach reach_of_linear(const faiss::LinearTransform& linear) {
  const double shift = linear.have_bias ? length_of(linear.b) : 0;
  // A rotation, or a part of one, lengthens nothing; the bound for other matrices is loose, but safe. Rounding errors
  // of a rotation add up to much less than 1 %.
  return {linear.is_orthonormal ? 1.01 : length_of(linear.A), shift};
}

Reach reach_of(const faiss::VectorTransform& step) {
  if (const auto* linear = dynamic_cast<const faiss::LinearTransform*>(&step)) return reach_of_linear(*linear);
  if (const auto* remap = dynamic_cast<const faiss::RemapDimensionsTransform*>(&step)) {
    return {std::sqrt(static_cast<double>(remap->map.size())), 0};
  }
  if (const auto* centering = dynamic_cast<const faiss::CenteringTransform*>(&step)) {
    return {1, length_of(centering->mean)};
  }
  if (const auto* itq = dynamic_cast<const faiss::ITQTransform*>(&step)) {
    // It centres and scales to length 1 first.
    return Reach{0, 1}.then(reach_of_linear(itq->pca_then_itq));
  }
  if (dynamic_cast<const faiss::NormalizationTransform*>(&step) != nullptr) return {0, 1};
  return {};
}

Reach reach_of(const faiss::Index* index) {
  Reach reach;
  while (index != nullptr) {
    if (const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
      for (const auto* step : transform->chain) reach = reach.then(reach_of(*step));
      index = transform->index;
    } else if (const auto* refine = dynamic_cast<const faiss::IndexRefine*>(index)) {
      index = refine->base_index;
    } else {
      break;
    }
  }
  return reach;
}

}  // namespace

double squared_norm_limit(const faiss::Index& index) {
  const Reach reach = reach_of(&index);
  const double room = std::sqrt(kMaxSquaredNorm) - reach.shift;
  if (!(room > 0)) return 0;  // also when a matrix holds what is not a number
  const double longest = std::min(room / std::max(reach.gain, 1e-30), std::sqrt(kMaxSquaredNorm));
  return longest * longest;
}

}  // namespace quiver
