// The JS face of IndexState. Each method reads its arguments, hands work to a lane and says how to turn the outcome
// into JS values; the names are those of lib/index.ts.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "binding/account.h"
#include "binding/work.h"
#include "core/index_state.h"

namespace quiver {

class Index : public Napi::ObjectWrap<Index> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit Index(const Napi::CallbackInfo& info);
  ~Index() override;

 private:
  // Static: makers of an index.
  static Napi::Value create(const Napi::CallbackInfo& info);
  static Napi::Value open(const Napi::CallbackInfo& info);
  static Napi::Value from_buffer(const Napi::CallbackInfo& info);
  static Napi::Value import_faiss(const Napi::CallbackInfo& info);
  static Napi::Value attach(const Napi::CallbackInfo& info);

  // index_search.cc
  Napi::Value search(const Napi::CallbackInfo& info);
  Napi::Value search_sync(const Napi::CallbackInfo& info);
  Napi::Value search_one(const Napi::CallbackInfo& info);
  Napi::Value range(const Napi::CallbackInfo& info);
  Napi::Value has(const Napi::CallbackInfo& info);
  Napi::Value ids(const Napi::CallbackInfo& info);
  Napi::Value get(const Napi::CallbackInfo& info);

  // index_write.cc
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value remove(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  Napi::Value rebuild(const Napi::CallbackInfo& info);
  Napi::Value set_parameters(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value to_buffer(const Napi::CallbackInfo& info);
  Napi::Value export_faiss(const Napi::CallbackInfo& info);

  // gpu.cc
  Napi::Value to_gpu(const Napi::CallbackInfo& info);

  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value set_note(const Napi::CallbackInfo& info);
  Napi::Value when_quiet(const Napi::CallbackInfo& info);
  Napi::Value share(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // The state, or E_CLOSED.
  const std::shared_ptr<IndexState>& state() const;

  std::shared_ptr<IndexState> state_;
  std::shared_ptr<Account> account_;
};

// A finished index as a JS object.
Napi::Value wrap_state(Napi::Env env, std::shared_ptr<IndexState> state);
// Ids as lib/ shows them: Float64Array, or BigInt64Array when `bigint`.
Napi::Value ids_to_js(Napi::Env env, std::vector<int64_t> ids, bool bigint);
// n * k, or E_RANGE where no call may have so many results.
int64_t check_results(int64_t n, int64_t k);
// { ids, distances }, n * k of each. Called on the worker, which makes doubles of ids that are to be numbers.
Result found_result(std::vector<int64_t> ids, std::vector<float> distances, bool bigint);
// In place: the integers become doubles of the same size.
void ids_to_doubles(int64_t* ids, size_t n);

}  // namespace quiver
