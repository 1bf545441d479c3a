// FAISS called from C++, as the thing that Node is compared with. It reads commands from stdin, words divided by tabs, and
// answers each with one line: `ok`, a number or text after it, or `error` and what went wrong.
//
//   load NAME FILE                        read a FAISS file
//   queries FILE DIM                      read float32 queries
//   threads N                             OpenMP threads of what follows
//   search NAME BATCH K CALLS             seconds of CALLS calls with BATCH queries each, taken in turn
//   answers NAME N K FILE                 write the int64 labels of the first N queries
//   about                                 FAISS's options and the BLAS kernel
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/index_io.h>
#include <faiss/utils/utils.h>
#include <omp.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef QUIVER_OPENBLAS
extern "C" char* openblas_get_corename();
#endif

namespace {

struct Queries {
  std::vector<float> values;
  int64_t dim = 0;
  int64_t count() const { return static_cast<int64_t>(values.size()) / dim; }
};

class Loop {
 public:
  std::string answer(const std::vector<std::string>& words) {
    const std::string& command = words.at(0);
    if (command == "load") return load(words.at(1), words.at(2));
    if (command == "queries") return read_queries(words.at(1), std::stoll(words.at(2)));
    if (command == "threads") return set_threads(std::stoi(words.at(1)));
    if (command == "search") {
      return search(index(words.at(1)), std::stoll(words.at(2)), std::stoll(words.at(3)), std::stoll(words.at(4)));
    }
    if (command == "answers") {
      return write_answers(index(words.at(1)), std::stoll(words.at(2)), std::stoll(words.at(3)), words.at(4));
    }
    if (command == "about") return about();
    throw std::invalid_argument("unknown command " + command);
  }

 private:
  const faiss::Index& index(const std::string& name) const { return *indexes_.at(name); }

  std::string load(const std::string& name, const std::string& file) {
    auto& place = indexes_[name];
    place.reset(faiss::read_index(file.c_str()));
    std::ostringstream text;
    text << place->ntotal;
    if (auto* graph = dynamic_cast<const faiss::IndexHNSW*>(place.get())) text << " efSearch " << graph->hnsw.efSearch;
    return text.str();
  }

  std::string read_queries(const std::string& file, int64_t dim) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) throw std::runtime_error("cannot read " + file);
    queries_.dim = dim;
    queries_.values.resize(static_cast<size_t>(in.tellg()) / sizeof(float));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(queries_.values.data()),
            static_cast<std::streamsize>(queries_.values.size() * sizeof(float)));
    return std::to_string(queries_.count());
  }

  std::string set_threads(int threads) {
    omp_set_num_threads(threads);
    return std::to_string(omp_get_max_threads());
  }

  std::string search(const faiss::Index& index, int64_t batch, int64_t k, int64_t calls) const {
    std::vector<float> distances(static_cast<size_t>(batch * k));
    std::vector<faiss::idx_t> labels(static_cast<size_t>(batch * k));
    const int64_t starts = queries_.count() / batch;
    if (starts < 1) throw std::invalid_argument("fewer queries than one batch");
    const auto began = std::chrono::steady_clock::now();
    for (int64_t call = 0; call < calls; call++) {
      const float* x = queries_.values.data() + (call % starts) * batch * queries_.dim;
      index.search(batch, x, k, distances.data(), labels.data());
    }
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    std::ostringstream text;
    text << std::setprecision(9) << spent.count();
    return text.str();
  }

  std::string write_answers(const faiss::Index& index, int64_t n, int64_t k, const std::string& file) const {
    std::vector<float> distances(static_cast<size_t>(n * k));
    std::vector<faiss::idx_t> labels(static_cast<size_t>(n * k));
    index.search(n, queries_.values.data(), k, distances.data(), labels.data());
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(labels.data()),
              static_cast<std::streamsize>(labels.size() * sizeof(faiss::idx_t)));
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
    return file;
  }

  static std::string about() {
    std::string text = faiss::get_compile_options();
#ifdef QUIVER_OPENBLAS
    text += std::string("BLAS kernel ") + openblas_get_corename();
#endif
    return text;
  }

  std::map<std::string, std::unique_ptr<faiss::Index>> indexes_;
  Queries queries_;
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream in(line);
  for (std::string word; std::getline(in, word, '\t');) words.push_back(word);
  return words;
}

}  // namespace

int main() {
  Loop loop;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << "ok " << loop.answer(split(line)) << std::endl;
    } catch (const std::exception& error) {
      std::string what = error.what();
      for (char& c : what) {
        if (c == '\n') c = ' ';
      }
      std::cout << "error " << what << std::endl;
    }
  }
}
