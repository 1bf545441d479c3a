// The one async path: a call leaves the JS thread here and comes back through Environment.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "core/executor.h"
#include "core/ticket.h"

namespace quiver {

// Makes the JS value of a finished call, on the JS thread.
using Result = std::function<Napi::Value(Napi::Env)>;

// A call under way: who asked, and how to answer. Copies share the same call; it is answered once.
class Call {
 public:
  // `number` is the one that lib/ gave the call.
  Call(Napi::Env env, double number, bool with_progress)
      : environment_(Environment::of(env)), number_(number), ticket_(environment_->begin(number, with_progress)) {}

  const std::shared_ptr<Ticket>& ticket() const { return ticket_; }

  void resolve(Result value) const {
    auto completion = std::make_unique<Completion>();
    completion->call = number_;
    completion->value = std::move(value);
    environment_->post(std::move(completion));
  }
  void reject(std::exception_ptr error) const {
    auto completion = std::make_unique<Completion>();
    completion->call = number_;
    completion->error = std::move(error);
    environment_->post(std::move(completion));
  }
  // Runs `work`, which returns a Result, and answers with what comes of it. Unless it was cancelled before it began.
  template <typename F>
  void run(F&& work) const {
    try {
      ticket_->check();
      resolve(work());
    } catch (...) {
      reject(std::current_exception());
    }
  }

 private:
  std::shared_ptr<Environment> environment_;
  double number_;
  std::shared_ptr<Ticket> ticket_;
};

// The three places where work runs.
template <typename F>
void run_on_strand(Strand& strand, Call call, F work) {
  strand.post(make_task([call = std::move(call), work = std::move(work)]() mutable { call.run(work); }));
}
template <typename F>
void run_in_bulk(Call call, F work) {
  Executor::instance().post_bulk(
      make_task([call = std::move(call), work = std::move(work)]() mutable { call.run(work); }));
}
template <typename F>
void run_interactive(Call call, F work) {
  Executor::instance().post_interactive(
      make_task([call = std::move(call), work = std::move(work)]() mutable { call.run(work); }));
}

// Gives a vector's memory to JS without a copy. Hosts that forbid foreign memory (Electron) get a copy.
template <typename T>
Napi::ArrayBuffer to_array_buffer(Napi::Env env, std::vector<T> values) {
  const size_t bytes = values.size() * sizeof(T);
  if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  auto* held = new std::vector<T>(std::move(values));
  napi_value buffer;
  const napi_status status = napi_create_external_arraybuffer(
      env, held->data(), bytes, [](napi_env, void*, void* hint) { delete static_cast<std::vector<T>*>(hint); }, held,
      &buffer);
  if (status == napi_ok) return Napi::ArrayBuffer(env, buffer);
  auto copy = Napi::ArrayBuffer::New(env, bytes);
  std::copy_n(held->data(), held->size(), static_cast<T*>(copy.Data()));
  delete held;
  return copy;
}

}  // namespace quiver
