// The calls of Index that read.
#include <algorithm>
#include <cstring>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/index.h"
#include "binding/work.h"
#include "core/error.h"

namespace quiver {

namespace {

// Results of one call are held in memory twice for a moment: more than this is a mistake in n or k.
constexpr int64_t kMaxResults = int64_t{1} << 28;

// Arguments from `first` on: k, efSearch, nprobe, exact, threads, filter.
SearchOptions read_options(const Arguments& arguments, size_t first) {
  SearchOptions options;
  options.k = arguments.integer(first, 1, kMaxK);
  options.ef_search = static_cast<int>(arguments.integer(first + 1, 0, 1 << 30));
  options.nprobe = static_cast<int>(arguments.integer(first + 2, 0, 1 << 30));
  options.exact = arguments.boolean(first + 3);
  options.threads = static_cast<int>(arguments.integer(first + 4, 0, 1024));
  options.filter = arguments.filter(first + 5);
  return options;
}

}  // namespace

int64_t check_results(int64_t n, int64_t k) {
  if (n * k > kMaxResults) {
    throw Error(code::kRange, "n * k is too large for one call: split the queries or lower k.", "<= 268435456",
                std::to_string(n * k));
  }
  return n * k;
}

void ids_to_doubles(int64_t* ids, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const auto value = static_cast<double>(ids[i]);
    std::memcpy(ids + i, &value, sizeof(value));
  }
}

Napi::Value ids_to_js(Napi::Env env, std::vector<int64_t> ids, bool bigint) {
  const size_t n = ids.size();
  if (!bigint) ids_to_doubles(ids.data(), n);
  const Napi::ArrayBuffer buffer = to_array_buffer(env, std::move(ids));
  if (bigint) return Napi::BigInt64Array::New(env, n, buffer, 0);
  return Napi::Float64Array::New(env, n, buffer, 0);
}

Result found_result(std::vector<int64_t> found, std::vector<float> far, bool bigint) {
  // Here, on the worker, not on the JS thread.
  if (!bigint) ids_to_doubles(found.data(), found.size());
  auto ids = std::make_shared<std::vector<int64_t>>(std::move(found));
  auto distances = std::make_shared<std::vector<float>>(std::move(far));
  return [ids, distances, bigint](Napi::Env env) -> Napi::Value {
    const size_t count = ids->size();
    const Napi::ArrayBuffer buffer = to_array_buffer(env, std::move(*ids));
    auto object = Napi::Object::New(env);
    if (bigint) {
      object.Set("ids", Napi::BigInt64Array::New(env, count, buffer, 0));
    } else {
      object.Set("ids", Napi::Float64Array::New(env, count, buffer, 0));
    }
    object.Set("distances", Napi::Float32Array::New(env, count, to_array_buffer(env, std::move(*distances)), 0));
    return object;
  };
}

// search(call, queries, n, k, efSearch, nprobe, exact, threads, filter) -> { ids, distances }
Napi::Value Index::search(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const int64_t n = arguments.integer(2, 1, int64_t{1} << 31);
    auto job = std::make_unique<SearchJob>();
    job->n = n;
    job->options = read_options(arguments, 3);
    const auto results = static_cast<size_t>(check_results(n, job->options.k));
    const auto queries = arguments.floats(1, static_cast<size_t>(n * index->dim()));
    job->queries.assign(queries.Data(), queries.Data() + queries.ElementLength());
    job->ids.resize(results);
    job->distances.resize(results);
    const Call call(info.Env(), arguments.number(0), false);
    job->ticket = call.ticket();
    job->done = [call, bigint = index->bigint_ids()](SearchJob& finished, std::exception_ptr error) {
      if (error) return call.reject(error);
      call.resolve(found_result(std::move(finished.ids), std::move(finished.distances), bigint));
    };
    index->coalescer.submit(std::move(job));
    return info.Env().Undefined();
  });
}

// searchSync(queries, n, k, efSearch, nprobe, exact, threads, filter, ids, distances): fills the last two.
Napi::Value Index::search_sync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const int64_t n = arguments.integer(1, 1, int64_t{1} << 31);
    const SearchOptions options = read_options(arguments, 2);
    const auto results = static_cast<size_t>(check_results(n, options.k));
    const auto queries = arguments.floats(0, static_cast<size_t>(n * index->dim()));
    const auto wanted = index->bigint_ids() ? napi_bigint64_array : napi_float64_array;
    if (!info[8].IsTypedArray() || info[8].As<Napi::TypedArray>().TypedArrayType() != wanted ||
        info[8].As<Napi::TypedArray>().ElementLength() != results) {
      throw Error(code::kArgument, "The array for ids has the wrong type or length.", std::to_string(results),
                  "another");
    }
    auto distances = arguments.floats(9, results);
    const auto array = info[8].As<Napi::TypedArray>();
    auto* ids = reinterpret_cast<int64_t*>(static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset());
    check_vectors(static_cast<size_t>(n), static_cast<size_t>(index->dim()), queries.Data());
    index->search_with_helpers(n, queries.Data(), options, ids, distances.Data());
    if (!index->bigint_ids()) ids_to_doubles(ids, results);
    return info.Env().Undefined();
  });
}

// searchOne(k, efSearch, nprobe, exact, limit): the query is in the scratch, the results go there. With a limit it
// returns false instead of waiting for a writer, and when the search would look at more than `limit` floats.
Napi::Value Index::search_one(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& index = state();
    const auto& environment = Environment::of(info.Env());
    SearchOptions options;
    options.k = info[0].As<Napi::Number>().Int64Value();
    options.ef_search = info[1].As<Napi::Number>().Int32Value();
    options.nprobe = info[2].As<Napi::Number>().Int32Value();
    options.exact = info[3].As<Napi::Boolean>().Value();
    const int64_t limit = info[4].As<Napi::Number>().Int64Value();
    if (options.k < 1 || options.k > static_cast<int64_t>(Environment::kScratchK) ||
        environment->scratch_query == nullptr) {
      throw Error(code::kRange, "k does not fit the scratch.", "1 to 4096", std::to_string(options.k));
    }
    if (limit > 0 && index->count() * index->dim() > limit) return Napi::Boolean::New(info.Env(), false);
    check_vectors(1, static_cast<size_t>(index->dim()), environment->scratch_query);
    omp_set_num_threads(1);
    int64_t* ids = environment->scratch_ids;
    if (limit > 0) {
      if (!index->try_search(1, environment->scratch_query, options, ids, environment->scratch_distances)) {
        return Napi::Boolean::New(info.Env(), false);
      }
    } else {
      index->search_with_helpers(1, environment->scratch_query, options, ids, environment->scratch_distances);
    }
    if (!index->bigint_ids()) ids_to_doubles(ids, static_cast<size_t>(options.k));
    return Napi::Boolean::New(info.Env(), true);
  });
}

// range(call, queries, n, radius, nprobe, filter) -> { offsets, ids, distances }
Napi::Value Index::range(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const int64_t n = arguments.integer(2, 1, int64_t{1} << 31);
    const auto array = arguments.floats(1, static_cast<size_t>(n * index->dim()));
    std::vector<float> queries(array.Data(), array.Data() + array.ElementLength());
    const auto radius = static_cast<float>(arguments.number(3));
    const auto nprobe = static_cast<int>(arguments.integer(4, 0, 1 << 30));
    run_interactive(
        Call(info.Env(), arguments.number(0), false),
        [index, n, queries = std::move(queries), radius, nprobe, filter = arguments.filter(5)]() -> Result {
          auto hits = std::make_shared<IdRangeHits>(index->range(n, queries.data(), radius, nprobe, filter.get()));
          return [hits, bigint = index->bigint_ids()](Napi::Env env) -> Napi::Value {
            std::vector<double> offsets(hits->offsets.begin(), hits->offsets.end());
            const size_t rows = offsets.size(), count = hits->ids.size();
            auto object = Napi::Object::New(env);
            object.Set("offsets", Napi::Float64Array::New(env, rows, to_array_buffer(env, std::move(offsets)), 0));
            object.Set("ids", ids_to_js(env, std::move(hits->ids), bigint));
            object.Set("distances",
                       Napi::Float32Array::New(env, count, to_array_buffer(env, std::move(hits->distances)), 0));
            return object;
          };
        });
    return info.Env().Undefined();
  });
}

// has(call, ids) -> Uint8Array
Napi::Value Index::has(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    run_interactive(Call(info.Env(), arguments.number(0), false), [index, wanted = arguments.ids(1)]() -> Result {
      auto present = std::make_shared<std::vector<uint8_t>>(index->has(wanted));
      return [present](Napi::Env env) -> Napi::Value {
        const size_t n = present->size();
        return Napi::Uint8Array::New(env, n, to_array_buffer(env, std::move(*present)), 0);
      };
    });
    return info.Env().Undefined();
  });
}

// ids(call) -> Float64Array | BigInt64Array
Napi::Value Index::ids(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& index = state();
    run_interactive(Call(info.Env(), Arguments(info).number(0), false), [index]() -> Result {
      auto all = std::make_shared<std::vector<int64_t>>(index->ids());
      return [all, bigint = index->bigint_ids()](Napi::Env env) { return ids_to_js(env, std::move(*all), bigint); };
    });
    return info.Env().Undefined();
  });
}

namespace {

Result vectors_result(std::vector<float> found) {
  auto vectors = std::make_shared<std::vector<float>>(std::move(found));
  return [vectors](Napi::Env env) -> Napi::Value {
    const size_t n = vectors->size();
    return Napi::Float32Array::New(env, n, to_array_buffer(env, std::move(*vectors)), 0);
  };
}

}  // namespace

// get(call, ids) -> Float32Array. Lists need a map from rows to places first, which only the strand may make.
Napi::Value Index::get(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const auto& index = state();
    const Call call(info.Env(), arguments.number(0), false);
    Executor::instance().post_interactive(make_task([index, call, wanted = arguments.ids(1)] {
      try {
        fault::point(fault::Place::kWork);
        call.ticket()->check();
        if (auto vectors = index->get(wanted)) return call.resolve(vectors_result(std::move(*vectors)));
      } catch (...) {
        return call.reject(std::current_exception());
      }
      run_on_strand(*index->strand, call, [index, wanted]() -> Result {
        index->prepare_get();
        return vectors_result(*index->get(wanted));
      });
    }));
    return info.Env().Undefined();
  });
}

}  // namespace quiver
