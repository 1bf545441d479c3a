// What one Node environment (the main thread or one worker_thread) has of its own: the queue of finished calls and
// the one thread-safe function that empties it. Nothing of it is static: the addon is loaded once and used by many.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/ticket.h"

namespace quiver {

class Account;

// A finished call, or news of a running one, on its way to the JS thread.
struct Completion {
  double call = 0;
  std::shared_ptr<Account> account;  // of the index that the call may have made larger or smaller
  // Makes the result, on the JS thread. Null for an error or for progress.
  std::function<Napi::Value(Napi::Env)> value;
  std::exception_ptr error;
  const char* phase = nullptr;  // progress
  int64_t done = 0;
  int64_t total = 0;
  Completion* next = nullptr;
};

class Environment {
 public:
  // Sets the environment up; called once for each, when the addon is loaded into it.
  static void create(Napi::Env env);
  static const std::shared_ptr<Environment>& of(Napi::Env env);
  ~Environment();

  // --- on the JS thread
  // `dispatch(call, error, value, progress)` is the JS function that settles promises.
  void set_dispatcher(Napi::Function dispatch);
  std::shared_ptr<Ticket> begin(double call, bool with_progress);
  void cancel(double call);
  Napi::FunctionReference index_class;
  Napi::FunctionReference gpu_index_class;
  Napi::FunctionReference error_class;  // QuiverError of lib/

  // Memory that JS and native share for single queries: no argument has to be looked at.
  static constexpr size_t kScratchDim = 65536;
  static constexpr size_t kScratchK = 4096;
  float* scratch_query = nullptr;
  int64_t* scratch_ids = nullptr;
  float* scratch_distances = nullptr;
  Napi::Value scratch(Napi::Env env);

  // --- on any thread
  void post(std::unique_ptr<Completion> completion);

 private:
  explicit Environment(Napi::Env env);
  void deliver(Napi::Env env);
  void deliver(Napi::Env env, Completion& one);
  void wake() noexcept;
  void drop_inbox();
  void close();
  static void on_wake(napi_env env, napi_value, void* context, void*);

  std::weak_ptr<Environment> self_;
  std::atomic<Completion*> inbox_{nullptr};
  std::mutex mutex_;  // the JS thread takes it only when the environment ends
  bool open_ = true;
  napi_threadsafe_function wake_ = nullptr;
  Napi::FunctionReference dispatch_;
  Napi::ObjectReference scratch_object_;
  std::unordered_map<double, std::shared_ptr<Ticket>> running_;
};

}  // namespace quiver
