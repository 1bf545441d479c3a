// What an index must hold: vectors by id, kept beside it, and the comparison of both.
#pragma once

#include <map>
#include <set>

#include "core/structure.h"
#include "test/support.h"

namespace quiver::test {

class Known {
 public:
  explicit Known(int64_t dim) : dim_(dim) {}

  void put(int64_t id, const float* x) { vectors_[id] = std::vector<float>(x, x + dim_); }
  void put(const std::vector<int64_t>& ids, const std::vector<float>& x) {
    for (size_t i = 0; i < ids.size(); i++) put(ids[i], x.data() + i * static_cast<size_t>(dim_));
  }
  void erase(const std::vector<int64_t>& ids) {
    for (int64_t id : ids) vectors_.erase(id);
  }
  void clear() { vectors_.clear(); }
  size_t size() const { return vectors_.size(); }
  bool has(int64_t id) const { return vectors_.count(id) > 0; }
  const std::vector<float>& at(int64_t id) const { return vectors_.at(id); }
  std::vector<int64_t> ids() const {
    std::vector<int64_t> all;
    for (const auto& [id, x] : vectors_) all.push_back(id);
    return all;
  }

  // The index has these ids and no others. Where its codes are whole vectors (`exact`), it gives the same numbers back
  // and finds the nearest.
  void expect_same(const std::shared_ptr<IndexState>& index, Random& random, bool exact = true) const {
    ASSERT_EQ(index->count(), static_cast<int64_t>(vectors_.size()));
    std::vector<int64_t> held = index->ids();
    std::sort(held.begin(), held.end());
    ASSERT_EQ(held, ids());
    on_strand(index, [&] { index->prepare_get(); });
    const auto got = index->get(held);
    ASSERT_TRUE(got.has_value());
    for (size_t i = 0; i < held.size() && exact; i++) {
      const float* x = got->data() + i * static_cast<size_t>(dim_);
      ASSERT_TRUE(std::equal(x, x + dim_, vectors_.at(held[i]).begin())) << "the vector of id " << held[i];
    }
    expect_answers(index, random.vectors(5, dim_), exact);
  }

  void expect_answers(const std::shared_ptr<IndexState>& index, const std::vector<float>& queries, bool exact) const {
    SearchOptions options;
    options.k = 7;
    options.exact = true;
    const Answer answer = ask(*index, queries, options);
    const Metric metric = index->spec().metric;
    for (size_t q = 0; q < queries.size() / static_cast<size_t>(dim_); q++) {
      const auto nearest = brute_force(metric, dim_, queries.data() + q * static_cast<size_t>(dim_), ids(),
                                       [&](int64_t id) { return vectors_.at(id).data(); });
      std::set<int64_t> seen;
      for (size_t i = 0; i < 7; i++) {
        const int64_t id = answer.ids[q * 7 + i];
        if (i >= nearest.size()) {
          ASSERT_EQ(id, -1) << "nothing is left for place " << i;
          continue;
        }
        ASSERT_TRUE(has(id)) << "place " << i << " holds id " << id << ", which is not in the index";
        ASSERT_TRUE(seen.insert(id).second) << "id " << id << " twice";
        if (!exact) continue;
        const double best = nearest[i].distance;
        ASSERT_NEAR(answer.distances[q * 7 + i], best, 10 * tolerance(best)) << "query " << q << ", place " << i;
      }
    }
  }

 private:
  int64_t dim_;
  std::map<int64_t, std::vector<float>> vectors_;
};

}  // namespace quiver::test
