// What the tests of the core share: random data with a seed that can be given again, oracles by brute force, indexes
// of every kind, and folders that go away.
#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/body.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/factory.h"
#include "core/index_state.h"
#include "core/training.h"
#include "core/vectors.h"

namespace quiver::test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitizer = true;
#else
inline constexpr bool kSanitizer = false;
#endif

// How often something is tried: fewer times where each try costs ten times as much.
inline int64_t times(int64_t plain, int64_t sanitized) {
  return kSanitizer ? sanitized : plain;
}

// libgomp knows nothing of the thread sanitizer, which then takes its barriers for races: one thread in a team there.
inline int team() {
  return kThreadSanitizer ? 1 : 2;
}

// The number behind an environment variable, or `otherwise`.
inline uint64_t setting(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr && *given != 0 ? std::strtoull(given, nullptr, 10) : otherwise;
}

// The same in every run, so that a failure comes again; QUIVER_SEED=<n> tries other data.
inline uint64_t seed() {
  static const uint64_t value = [] {
    const uint64_t given = setting("QUIVER_SEED", 20241);
    std::cout << "QUIVER_SEED=" << given << std::endl;
    return given;
  }();
  return value;
}

class Random {
 public:
  // `salt` tells tests apart, so that each has data of its own.
  explicit Random(uint64_t salt) : engine_(seed() * 1000003 + salt) {}
  int64_t below(int64_t end) { return std::uniform_int_distribution<int64_t>(0, end - 1)(engine_); }
  int64_t between(int64_t from, int64_t to) { return std::uniform_int_distribution<int64_t>(from, to)(engine_); }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(engine_) < p; }
  float normal() { return std::normal_distribution<float>()(engine_); }
  std::mt19937_64& engine() { return engine_; }
  std::vector<float> vectors(int64_t n, int64_t dim) {
    std::vector<float> x(static_cast<size_t>(n * dim));
    for (auto& value : x) value = normal();
    return x;
  }

 private:
  std::mt19937_64 engine_;
};

inline Staging staged(const std::vector<float>& x, int64_t dim) {
  Staging staging(static_cast<size_t>(dim));
  const size_t n = x.size() / static_cast<size_t>(dim);
  float* piece = staging.append(n);
  std::copy(x.begin(), x.end(), piece);
  return staging;
}

// The code of the quiver::Error that `call` throws; "nothing" when it throws none.
inline std::string code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_GT(std::string(error.what()).size(), 10u) << "a message for people";
    return error.code;
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "nothing";
}

// A folder of its own in the temporary folder, removed with all in it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quiver-native-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::filesystem::path path_;
};

inline Spec spec_of(const std::string& factory, int64_t dim, Metric metric = Metric::kL2) {
  Spec spec;
  spec.dim = dim;
  spec.metric = metric;
  spec.factory = factory;
  return spec;
}

// One of each family that the core treats in its own way; dim must be a multiple of 8.
inline const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all = {
      "Flat",         "HNSW16",          "IVF8,Flat", "SQ8",       "PQ4x4",      "IVF8,PQ4x4", "PQ4x4fs",
      "IVF8,PQ4x4fs", "OPQ4,IVF8,PQ4x4", "PCA8,Flat", "SQ8,RFlat", "HNSW16,SQ8", "IVF8,SQ8",   "PCA8,HNSW8",
      "LSH"};
  return all;
}

// Trained by the vectors and filled with them; row i has the id i.
inline Body filled(const std::string& factory, int64_t dim, const std::vector<float>& x, Metric metric = Metric::kL2) {
  Body body;
  body.factory = factory;
  body.index = make_index(spec_of(factory, dim, metric));
  const int64_t n = static_cast<int64_t>(x.size()) / dim;
  if (!body.index->is_trained) train_index(*body.index, n, x.data(), Ticket());
  if (n > 0) body.index->add(n, x.data());
  for (int64_t i = 0; i < n; i++) body.rows.append(i);
  return body;
}

inline double distance_of(Metric metric, int64_t dim, const float* a, const float* b) {
  double sum = 0;
  for (int64_t i = 0; i < dim; i++) {
    sum += metric == Metric::kL2 ? (double(a[i]) - b[i]) * (double(a[i]) - b[i]) : double(a[i]) * b[i];
  }
  return sum;
}

struct Neighbour {
  double distance;
  int64_t id;
};

// All of `ids` by their distance to the query, best first and among equals by id. `at(id)` is a vector.
inline std::vector<Neighbour> brute_force(Metric metric, int64_t dim, const float* query,
                                          const std::vector<int64_t>& ids,
                                          const std::function<const float*(int64_t)>& at) {
  std::vector<Neighbour> all;
  for (int64_t id : ids) all.push_back({distance_of(metric, dim, query, at(id)), id});
  const bool descending = is_similarity(metric);
  std::sort(all.begin(), all.end(), [&](const Neighbour& a, const Neighbour& b) {
    if (a.distance != b.distance) return descending ? a.distance > b.distance : a.distance < b.distance;
    return a.id < b.id;
  });
  return all;
}

inline std::vector<int64_t> counting(int64_t n) {
  std::vector<int64_t> numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

// Float sums differ from double ones by rounding, which grows with the numbers in them.
inline double tolerance(double distance) {
  return 1e-4 * std::max(1.0, std::abs(distance));
}

struct Answer {
  std::vector<int64_t> ids;
  std::vector<float> distances;
};

inline Answer ask(const IndexState& index, const std::vector<float>& queries, SearchOptions options) {
  const int64_t n = static_cast<int64_t>(queries.size()) / index.dim();
  Answer answer{std::vector<int64_t>(static_cast<size_t>(n * options.k)),
                std::vector<float>(static_cast<size_t>(n * options.k))};
  index.search(n, queries.data(), options, answer.ids.data(), answer.distances.data());
  return answer;
}

// Opens once, for all who wait.
class Gate {
 public:
  void open() { promise_.set_value(); }
  void pass() const { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

// Runs `work` as a task of the index's strand and waits; hands an exception of it on.
template <typename F>
auto on_strand(const std::shared_ptr<IndexState>& index, F&& work) -> decltype(work()) {
  auto packaged = std::make_shared<std::packaged_task<decltype(work())()>>(std::forward<F>(work));
  auto result = packaged->get_future();
  index->strand->post(make_task([packaged] { (*packaged)(); }));
  return result.get();
}

inline AddOutcome add_to(const std::shared_ptr<IndexState>& index, const std::vector<float>& x,
                         const std::optional<std::vector<int64_t>>& ids = std::nullopt,
                         const Ticket& ticket = Ticket()) {
  return on_strand(index, [&] { return index->add(staged(x, index->dim()), ids, false, ticket); });
}

inline int64_t remove_from(const std::shared_ptr<IndexState>& index, const std::vector<int64_t>& ids) {
  return on_strand(index, [&] { return index->remove(ids, Ticket()); });
}

// Trained by the vectors where the kind needs it, and filled with them.
inline std::shared_ptr<IndexState> index_of(const std::string& factory, int64_t dim, const std::vector<float>& x,
                                            Metric metric = Metric::kL2) {
  auto index = IndexState::create(spec_of(factory, dim, metric), false, "");
  if (!index->stats()->trained) {
    on_strand(index, [&] { index->train(staged(x, dim), std::nullopt, Ticket()); });
  }
  if (!x.empty()) add_to(index, x);
  return index;
}

// Asks for a rebuild and waits for it.
inline void rebuild_now(const std::shared_ptr<IndexState>& index, const std::optional<Spec>& spec = std::nullopt,
                        const std::shared_ptr<Ticket>& ticket = std::make_shared<Ticket>()) {
  auto end = std::make_shared<std::promise<std::exception_ptr>>();
  index->rebuild(spec, ticket, [end](std::exception_ptr error) { end->set_value(error); });
  const std::exception_ptr error = end->get_future().get();
  if (error) std::rethrow_exception(error);
}

// Waits for background work. The strand's own last task may still be running its end.
inline void settle(const std::shared_ptr<IndexState>& index) {
  auto quiet = std::make_shared<std::promise<void>>();
  on_strand(index, [&] { index->when_quiet([quiet] { quiet->set_value(); }); });
  quiet->get_future().get();
}

}  // namespace quiver::test
