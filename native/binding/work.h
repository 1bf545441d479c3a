// The one async path: a call leaves the JS thread here and comes back through Environment.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "binding/account.h"
#include "binding/environment.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/fault.h"
#include "core/ticket.h"

namespace quiver {

// Makes the JS value of a finished call, on the JS thread.
using Result = std::function<Napi::Value(Napi::Env)>;

// A call under way: who asked, and how to answer. Copies share the same call. It is answered once, and always: when the
// last copy goes without an answer, because something threw before the work began, that is the answer.
class Call {
 public:
  // `number` is the one that lib/ gave the call. The account is that of an index which the call may change.
  Call(Napi::Env env, double number, bool with_progress, std::shared_ptr<Account> account = nullptr)
      : pending_(std::make_shared<Pending>()) {
    pending_->number = number;
    pending_->account = std::move(account);
    pending_->ticket = Environment::of(env)->begin(number, with_progress);
    pending_->completion = std::make_unique<Completion>();
    pending_->environment = Environment::of(env);
  }

  const std::shared_ptr<Ticket>& ticket() const { return pending_->ticket; }

  void resolve(Result value) const { pending_->answer(std::move(value), nullptr); }
  void reject(std::exception_ptr error) const { pending_->answer(nullptr, std::move(error)); }
  // Runs `work`, which returns a Result, and answers with what comes of it. Unless it was cancelled before it began.
  template <typename F>
  void run(F&& work) const {
    try {
      fault::point(fault::Place::kWork);
      ticket()->check();
      resolve(work());
    } catch (...) {
      reject(std::current_exception());
    }
  }

 private:
  struct Pending {
    std::shared_ptr<Environment> environment;  // null: nobody waits for an answer, yet or any more
    double number = 0;
    std::shared_ptr<Ticket> ticket;
    std::shared_ptr<Account> account;

    std::unique_ptr<Completion> completion;  // made beforehand: an answer must not fail for want of memory

    void answer(Result value, std::exception_ptr error) {
      const auto to = std::exchange(environment, nullptr);
      if (!to) return;
      completion->value = std::move(value);
      completion->error = std::move(error);
      completion->call = number;
      completion->account = std::move(account);
      to->post(std::move(completion));
    }
    ~Pending() {
      if (environment) answer(nullptr, std::make_exception_ptr(Error(code::kInternal, "The call was given up.")));
    }
  };
  std::shared_ptr<Pending> pending_;
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
  // To hand over a few numbers costs more than to copy them.
  constexpr size_t kFew = 4096;
  if (bytes <= kFew) {
    auto small = Napi::ArrayBuffer::New(env, bytes);
    std::copy(values.begin(), values.end(), static_cast<T*>(small.Data()));
    return small;
  }
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
