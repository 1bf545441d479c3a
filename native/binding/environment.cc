#include "binding/environment.h"

#include <chrono>
#include <utility>

#include "binding/account.h"
#include "binding/errors.h"
#include "core/executor.h"
#include "core/fault.h"

namespace quiver {

namespace {

constexpr auto kProgressEvery = std::chrono::milliseconds(50);

// Environments alive in this process. The threads end with the last one.
std::mutex& count_mutex() {
  static auto* mutex = new std::mutex();
  return *mutex;
}
int environments = 0;

}  // namespace

void Environment::create(Napi::Env env) {
  std::shared_ptr<Environment> environment(new Environment(env));
  environment->self_ = environment;
  env.SetInstanceData(new std::shared_ptr<Environment>(environment));
  // The hook comes after the thread-safe function was made, so it runs before that one is torn down.
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        std::unique_ptr<std::shared_ptr<Environment>> held(static_cast<std::shared_ptr<Environment>*>(data));
        (*held)->close();
      },
      new std::shared_ptr<Environment>(environment));
}

const std::shared_ptr<Environment>& Environment::of(Napi::Env env) {
  return *env.GetInstanceData<std::shared_ptr<Environment>>();
}

Environment::Environment(Napi::Env env) {
  {
    std::lock_guard<std::mutex> guard(count_mutex());
    environments++;
  }
  napi_value name;
  napi_create_string_utf8(env, "quiver", NAPI_AUTO_LENGTH, &name);
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                                             &Environment::on_wake, &wake_);
  if (status != napi_ok) throw Napi::Error::New(env, "quiver: could not make the completion queue.");
  napi_unref_threadsafe_function(env, wake_);
}

// Calls that were under way when the environment closed have answered since, into an inbox that nobody reads.
Environment::~Environment() {
  drop_inbox();
}

void Environment::drop_inbox() {
  for (Completion* rest = inbox_.exchange(nullptr); rest != nullptr;) {
    const std::unique_ptr<Completion> one(rest);
    rest = one->next;
  }
}

void Environment::set_dispatcher(Napi::Function dispatch) {
  dispatch_ = Napi::Persistent(dispatch);
}

Napi::Value Environment::scratch(Napi::Env env) {
  if (scratch_object_.IsEmpty()) {
    auto query = Napi::Float32Array::New(env, kScratchDim);
    auto ids = Napi::ArrayBuffer::New(env, kScratchK * sizeof(int64_t));
    auto distances = Napi::Float32Array::New(env, kScratchK);
    scratch_query = query.Data();
    scratch_ids = static_cast<int64_t*>(ids.Data());
    scratch_distances = distances.Data();
    auto object = Napi::Object::New(env);
    object.Set("query", query);
    object.Set("ids", ids);
    object.Set("distances", distances);
    scratch_object_ = Napi::Persistent(object);
  }
  return scratch_object_.Value();
}

std::shared_ptr<Ticket> Environment::begin(double call, bool with_progress) {
  auto ticket = std::make_shared<Ticket>();
  if (with_progress) {
    auto last = std::make_shared<std::atomic<int64_t>>(0);
    ticket->on_progress = [weak = self_, call, last](const char* phase, int64_t done, int64_t total) {
      const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
      int64_t before = last->load();
      const bool due = now - before >= std::chrono::nanoseconds(kProgressEvery).count() || done == total;
      if (!due || !last->compare_exchange_strong(before, now)) return;
      if (auto environment = weak.lock()) {
        auto news = std::make_unique<Completion>();
        news->call = call;
        news->phase = phase;
        news->done = done;
        news->total = total;
        environment->post(std::move(news));
      }
    };
  }
  // A running call keeps the event loop alive.
  if (running_.empty()) napi_ref_threadsafe_function(dispatch_.Env(), wake_);
  running_[call] = ticket;
  return ticket;
}

void Environment::cancel(double call) {
  const auto found = running_.find(call);
  if (found != running_.end()) found->second->cancel();
}

void Environment::post(std::unique_ptr<Completion> completion) {
  Completion* raw = completion.release();
  raw->next = inbox_.load(std::memory_order_relaxed);
  while (!inbox_.compare_exchange_weak(raw->next, raw, std::memory_order_acq_rel, std::memory_order_relaxed)) {
  }
  if (raw->next == nullptr) wake();  // otherwise whoever pushed first has called already
}

// Node queues the call, for which it needs a little memory now and then. Without, std::bad_alloc comes through its
// frames, which know no exceptions and leave their lock taken: nothing would ever be answered again. So it ends here.
void Environment::wake() noexcept {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (open_) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::on_wake(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment ends
  auto* environment = static_cast<Environment*>(context);
  try {
    environment->deliver(env);
  } catch (const Napi::Error& error) {
    // The dispatcher of lib/ does not throw. When JS may not run any more there is no error to show either.
    if (!error.IsEmpty()) napi_fatal_exception(env, error.Value());
  } catch (...) {
    napi_fatal_exception(env, describe_error(env, std::current_exception()));
  }
}

void Environment::deliver(Napi::Env env) {
  Completion* oldest = nullptr;
  for (Completion* taken = inbox_.exchange(nullptr, std::memory_order_acq_rel); taken != nullptr;) {
    Completion* next = taken->next;
    taken->next = oldest;
    oldest = taken;
    taken = next;
  }
  std::exception_ptr thrown;
  while (oldest != nullptr) {
    const std::unique_ptr<Completion> one(oldest);
    oldest = one->next;
    const Napi::HandleScope scope(env);
    try {
      deliver(env, *one);
    } catch (...) {
      thrown = std::current_exception();  // after the others: one bad callback must not lose their results
    }
  }
  if (running_.empty()) napi_unref_threadsafe_function(env, wake_);
  if (thrown) std::rethrow_exception(thrown);
}

void Environment::deliver(Napi::Env env, Completion& one) {
  if (one.phase != nullptr) {
    auto progress = Napi::Object::New(env);
    progress.Set("phase", one.phase);
    progress.Set("done", static_cast<double>(one.done));
    progress.Set("total", static_cast<double>(one.total));
    dispatch_.Call({Napi::Number::New(env, one.call), env.Undefined(), env.Undefined(), progress});
    return;
  }
  running_.erase(one.call);
  if (one.account) one.account->update(env);
  Napi::Value error = env.Undefined(), value = env.Undefined();
  try {
    if (one.error) std::rethrow_exception(one.error);
    fault::point(fault::Place::kResult);
    if (one.value) value = one.value(env);
  } catch (const Napi::Error& thrown) {
    error = thrown.Value();  // JS has made it already
  } catch (...) {
    error = describe_error(env, std::current_exception());
  }
  dispatch_.Call({Napi::Number::New(env, one.call), error, value, env.Undefined()});
}

void Environment::close() {
  for (auto& [call, ticket] : running_) ticket->cancel();
  running_.clear();
  // Calls still under way hold this object longer than the environment lives: its references must go now.
  dispatch_.Reset();
  index_class.Reset();
  gpu_index_class.Reset();
  error_class.Reset();
  scratch_object_.Reset();
  {
    std::lock_guard<std::mutex> guard(mutex_);
    open_ = false;
    napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  }
  drop_inbox();
  std::lock_guard<std::mutex> guard(count_mutex());
  if (--environments == 0) Executor::instance().shutdown();
}

}  // namespace quiver
