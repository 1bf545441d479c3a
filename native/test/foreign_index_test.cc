// FAISS's own format, spoilt in every place that means a size, a kind or a number: whatever passes read_faiss() must
// answer every call without harm. Each try runs in a process of its own.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <faiss/impl/FaissException.h>

#include <fstream>
#include <map>
#include <thread>

#include "core/faiss_file.h"
#include "test/support.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 16;
constexpr int64_t kRows = 300;

// What happened last in the process of a try. In memory that both share.
enum class Stage : int { kReading, kUsing, kRefused, kDone };

struct Outcome {
  Stage stage;
  int signal;
  char code[32];
};

std::shared_ptr<Region> region_of(const std::vector<uint8_t>& bytes) {
  auto region = Region::allocate(bytes.size());
  std::memcpy(region->writable(), bytes.data(), bytes.size());
  return region;
}

// Every call that believes what the file says. A refusal with a code is an answer.
void use(const std::shared_ptr<IndexState>& state, std::vector<float> x) {
  const auto attempt = [](const std::function<void()>& call) {
    try {
      call();
    } catch (const Error&) {
    } catch (const faiss::FaissException&) {
    } catch (const std::bad_alloc&) {
    }
  };
  const int64_t n = 24, k = 10;
  std::vector<int64_t> ids(n * k);
  std::vector<float> distances(n * k);
  const auto search = [&](int64_t queries, int nprobe, bool exact, std::shared_ptr<Filter> filter) {
    attempt([&] {
      SearchOptions options;
      options.k = k;
      options.nprobe = nprobe;
      options.exact = exact;
      options.filter = std::move(filter);
      state->search(queries, x.data(), options, ids.data(), distances.data());
    });
  };
  search(n, 1, false, nullptr);
  search(1, 64, false, nullptr);
  search(n, 0, true, nullptr);
  attempt([&] { state->range(n, x.data(), 1.0f, 4, nullptr); });
  attempt([&] { state->prepare_get(); });
  const auto all = state->ids();
  for (const int64_t id : all) attempt([&] { state->get({id}); });
  attempt([&] { state->export_faiss_bytes(Ticket()); });
  attempt([&] { state->add(staged(x, state->dim()), std::nullopt, false, Ticket()); });
  std::vector<int64_t> half;
  for (size_t i = 0; i < all.size(); i += 2) half.push_back(all[i]);
  attempt([&] { state->remove(half, Ticket()); });
  search(n, 4, false, nullptr);
  attempt([&] { state->export_faiss_bytes(Ticket()); });
  attempt([&] { state->to_bytes(Ticket()); });
  attempt([&] { state->reset(); });
  attempt([&] { state->add(staged(x, state->dim()), std::nullopt, false, Ticket()); });
  search(n, 4, false, nullptr);
}

void try_bytes(const std::vector<uint8_t>& bytes, Outcome& outcome) {
  try {
    Body body = read_faiss(region_of(bytes), "The file", true);
    SnapshotInfo info;
    info.spec.dim = body.index->d;
    info.spec.metric = metric_of(body.index.get());
    info.bigint_ids = true;
    outcome.stage = Stage::kUsing;
    const auto state = IndexState::from_body(std::move(body), std::move(info));
    use(state, Random(7).vectors(24, state->dim()));
    outcome.stage = Stage::kDone;
  } catch (const Error& error) {
    outcome.stage = Stage::kRefused;
    std::strncpy(outcome.code, error.code, sizeof(outcome.code) - 1);
  } catch (const std::bad_alloc&) {
    outcome.stage = Stage::kRefused;
    std::strncpy(outcome.code, code::kOutOfMemory, sizeof(outcome.code) - 1);
  }
}

// Runs a try in a child that may die. A thread of its own there, for OpenMP's threads do not outlive a fork.
Outcome in_child(const std::vector<uint8_t>& bytes) {
  static auto* shared =
      static_cast<Outcome*>(mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  *shared = Outcome{Stage::kReading, 0, {}};
  const pid_t child = fork();
  if (child == 0) {
    const rlimit memory{rlim_t{4} << 30, rlim_t{4} << 30};
    setrlimit(RLIMIT_AS, &memory);
    const rlimit core{0, 0};
    setrlimit(RLIMIT_CORE, &core);
    alarm(20);
    if (std::getenv("QUIVER_SHOW") == nullptr) {
      std::freopen("/dev/null", "w", stderr);
      std::freopen("/dev/null", "w", stdout);
    }
    std::thread([&] {
      omp_set_num_threads(1);
      try_bytes(bytes, *shared);
    }).join();
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Outcome outcome = *shared;
  outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return outcome;
}

std::vector<uint8_t> sound_bytes(const std::string& factory) {
  const auto x = Random(1).vectors(kRows, kDim);
  omp_set_num_threads(1);
  const Body body = filled(factory, kDim, x);
  MemorySink sink;
  write_faiss(body, sink, Ticket());
  return sink.take();
}

const std::vector<std::string>& foreign_kinds() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> more = kinds();
    for (const char* kind :
         {"RaBitQ",       "IVF8,RaBitQ",    "RQ3x4",        "LSQ4x4",        "PRQ2x2x4",        "PLSQ2x2x4",
          "RQ2x4_Nrq2x4", "RQ6x4fs_Nrq2x4", "IVF8,RQ3x4",   "IVF8,LSQ4x4",   "IVF8_HNSW8,Flat", "IVF8,PQ4x4fsr",
          "HNSW8,PQ4x4",  "HNSW8,2x3+PQ4",  "IMI2x3,PQ4x4", "IVF8,ITQ8,SHg", "IVF8,PQ4+2",      "RR16,LSH",
          "ITQ16,LSH",    "Pad20,Flat",     "L2norm,SQfp16"}) {
      more.emplace_back(kind);
    }
    return more;
  }();
  return all;
}

// Values that turn sizes and numbers into traps.
uint64_t trap(Random& random, uint64_t old) {
  static const std::vector<uint64_t> kTraps = {0,
                                               1,
                                               2,
                                               3,
                                               31,
                                               127,
                                               255,
                                               256,
                                               4095,
                                               65535,
                                               65536,
                                               0x7fffffff,
                                               0x80000000,
                                               0xffffffff,
                                               0xfffffffe,
                                               0x100000000,
                                               0x7fffffffffffffff,
                                               0x8000000000000000,
                                               0xffffffffffffffff,
                                               0xfffffffffffffff0,
                                               0x7fc00000 /* NaN */,
                                               0x7f800000 /* infinity */,
                                               0x7f7fffff /* the largest float */};
  switch (random.below(4)) {
    case 0:
      return old + 1;
    case 1:
      return old - 1;
    case 2:
      return old ^ (uint64_t{1} << random.below(32));
    default:
      return kTraps[static_cast<size_t>(random.below(static_cast<int64_t>(kTraps.size())))];
  }
}

std::vector<uint8_t> spoilt(std::vector<uint8_t> bytes, Random& random) {
  // Numbers that mean something lie at the start, at the end and between arrays.
  const auto size = static_cast<int64_t>(bytes.size());
  const int64_t near = std::min<int64_t>(size - 8, 400);
  const int64_t where = random.below(10);
  const int64_t at = where < 6   ? random.below(near)
                     : where < 8 ? size - 8 - random.below(near)
                                 : random.below(size - 8);
  const size_t width = random.chance(0.5) ? 4 : random.chance(0.5) ? 8 : 1;
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, width);
  value = trap(random, value);
  std::memcpy(bytes.data() + at, &value, width);
  return bytes;
}

TEST(ForeignIndex, WhatPassesTheCheckIsSafeToUse) {
  if (kSanitizer) GTEST_SKIP() << "sanitizers cannot fork so often, and FAISS is not instrumented";
  const auto tries = static_cast<int64_t>(setting("QUIVER_TRIALS", 1)) * 60;
  std::map<std::string, std::map<std::string, int>> table;
  for (const auto& kind : foreign_kinds()) {
    const auto bytes = sound_bytes(kind);
    const Outcome unspoilt = in_child(bytes);
    EXPECT_EQ(unspoilt.stage, Stage::kDone) << kind << ": " << unspoilt.code << " signal " << unspoilt.signal;
    Random random(std::hash<std::string>{}(kind) % 100000);
    for (int64_t i = 0; i < tries; i++) {
      const auto bad = spoilt(bytes, random);
      const Outcome outcome = in_child(bad);
      const bool died = outcome.signal != 0;
      // What FAISS's reader has broken may also end a process that has refused the file; such are thrown away.
      const bool read = outcome.stage == Stage::kUsing || outcome.stage == Stage::kDone;
      table[kind][died                               ? (read ? "died using" : "died reading")
                  : outcome.stage == Stage::kRefused ? outcome.code
                                                     : "used"]++;
      if (died && read) {
        size_t at = 0;
        while (bad[at] == bytes[at]) at++;
        ADD_FAILURE() << kind << ", try " << i << ": signal " << outcome.signal << " in use; changed at " << at;
        if (const char* folder = std::getenv("QUIVER_KEEP")) {
          std::string name = kind + "-" + std::to_string(i);
          std::replace(name.begin(), name.end(), ',', '_');
          std::ofstream(std::string(folder) + "/" + name, std::ios::binary)
              .write(reinterpret_cast<const char*>(bad.data()), static_cast<std::streamsize>(bad.size()));
        }
      }
    }
  }
  if (std::getenv("QUIVER_SHOW_TABLE") == nullptr) return;
  for (const auto& [kind, row] : table) {
    std::cout << kind << ":";
    for (const auto& [what, times] : row) std::cout << " " << what << " " << times << ",";
    std::cout << "\n";
  }
}

}  // namespace

}  // namespace quiver::test
