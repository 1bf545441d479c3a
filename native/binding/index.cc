#include "binding/index.h"

#include <mutex>
#include <random>
#include <unordered_map>
#include <utility>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/errors.h"
#include "binding/staging.h"
#include "binding/work.h"
#include "core/error.h"
#include "core/faiss_file.h"

namespace quiver {

namespace {

constexpr napi_type_tag kIndexTag = {0x3f9b6a5d7c1e4b20ull, 0xa4c8e17f902d4b63ull};

// Tokens of indexes that other threads of the process may attach to. Weak: a token keeps nothing alive.
struct Shared {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<IndexState>> by_token;
};
Shared& shared() {
  static auto* registry = new Shared();
  return *registry;
}

std::string new_token() {
  static const char* digits = "0123456789abcdef";
  std::random_device random;
  std::string token = "quiver-";
  for (int i = 0; i < 32; i++) token += digits[random() & 15];
  return token;
}

}  // namespace

void Index::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, "NativeIndex",
                                                 {
                                                     StaticMethod<&Index::create>("create"),
                                                     StaticMethod<&Index::open>("open"),
                                                     StaticMethod<&Index::from_buffer>("fromBuffer"),
                                                     StaticMethod<&Index::import_faiss>("importFaiss"),
                                                     StaticMethod<&Index::attach>("attach"),
                                                     InstanceMethod<&Index::search>("search"),
                                                     InstanceMethod<&Index::search_sync>("searchSync"),
                                                     InstanceMethod<&Index::search_one>("searchOne"),
                                                     InstanceMethod<&Index::range>("range"),
                                                     InstanceMethod<&Index::has>("has"),
                                                     InstanceMethod<&Index::ids>("ids"),
                                                     InstanceMethod<&Index::get>("get"),
                                                     InstanceMethod<&Index::train>("train"),
                                                     InstanceMethod<&Index::add>("add"),
                                                     InstanceMethod<&Index::remove>("remove"),
                                                     InstanceMethod<&Index::reset>("reset"),
                                                     InstanceMethod<&Index::rebuild>("rebuild"),
                                                     InstanceMethod<&Index::set_parameters>("setParameters"),
                                                     InstanceMethod<&Index::save>("save"),
                                                     InstanceMethod<&Index::to_buffer>("toBuffer"),
                                                     InstanceMethod<&Index::export_faiss>("exportFaiss"),
                                                     InstanceMethod<&Index::to_gpu>("toGpu"),
                                                     InstanceMethod<&Index::count>("count"),
                                                     InstanceMethod<&Index::stats>("stats"),
                                                     InstanceMethod<&Index::set_note>("setNote"),
                                                     InstanceMethod<&Index::when_quiet>("whenQuiet"),
                                                     InstanceMethod<&Index::share>("share"),
                                                     InstanceMethod<&Index::close>("close"),
                                                 });
  Environment::of(env)->index_class = Napi::Persistent(constructor);
  exports.Set("NativeIndex", constructor);
}

Napi::Value wrap_state(Napi::Env env, std::shared_ptr<IndexState> state) {
  return Environment::of(env)->index_class.New({Napi::External<std::shared_ptr<IndexState>>::New(env, &state)});
}

Index::Index(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw Error(code::kArgument, "Use Index.create() or Index.open().", "an index", "no index");
    }
    napi_type_tag_object(info.Env(), info.This(), &kIndexTag);
    const auto& state = *info[0].As<Napi::External<std::shared_ptr<IndexState>>>().Data();
    account_ = std::make_shared<Account>(state);
    account_->update(info.Env());
    state_ = state;
    state_->open_handle();
    return info.Env().Undefined();
  });
}

Index::~Index() {
  // V8 has let go of the object, or the environment ends. Memory is freed on a worker: it may take a while.
  if (!state_) return;
  account_->close(Env());
  auto state = std::move(state_);
  if (!state->close_handle()) return;
  if (Executor::instance().running()) {
    state->strand->post(make_task([state] { state->free(); }));
  } else {
    state->free();  // the last environment has ended the lanes already: they must not start again
  }
}

const std::shared_ptr<IndexState>& Index::state() const {
  if (!state_) throw Error(code::kClosed, "The index is closed.", "an open index", "a closed one");
  return state_;
}

Napi::Value Index::create(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    run_in_bulk(Call(info.Env(), arguments.number(0), false),
                [spec = arguments.spec(1), bigint = arguments.boolean(2), note = arguments.text(3)]() -> Result {
                  auto state = IndexState::create(spec, bigint, note);
                  return [state](Napi::Env env) { return wrap_state(env, state); };
                });
    return info.Env().Undefined();
  });
}

namespace {

// Load, and check what was not checked yet: all of it, or only what could crash a search, the rest behind its back.
// `foreign`: the file may hold anything, its sums included.
// `codes`: make those that searches go by, though the vectors stay in the file.
Result load(Snapshot snapshot, bool verify, bool verified_later, bool foreign, bool codes, const Ticket& ticket) {
  snapshot.verify(Executor::instance().threads(), !verify, ticket);
  Loaded loaded = snapshot.load(foreign);
  auto state = IndexState::from_body(std::move(loaded.body), std::move(loaded.info));
  if (verified_later) state->verify_in_background(std::move(snapshot));
  if (codes) state->want_codes();
  return [state](Napi::Env env) { return wrap_state(env, state); };
}

}  // namespace

Napi::Value Index::open(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    const Call call(info.Env(), arguments.number(0), true);
    run_in_bulk(call,
                [path = arguments.text(1), map = arguments.boolean(2), verify = arguments.boolean(3),
                 foreign = arguments.boolean(4), codes = arguments.boolean(5), ticket = call.ticket()]() -> Result {
                  return load(Snapshot::open(path, map, *ticket), verify, map && !verify, foreign, codes, *ticket);
                });
    return info.Env().Undefined();
  });
}

Napi::Value Index::from_buffer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    auto region = ByteStaging::from(info[1])->take();
    const Call call(info.Env(), arguments.number(0), true);
    run_in_bulk(call, [region, foreign = arguments.boolean(2), ticket = call.ticket()]() -> Result {
      return load(Snapshot::from_region(region), true, false, foreign, false, *ticket);
    });
    return info.Env().Undefined();
  });
}

Napi::Value Index::import_faiss(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Arguments arguments(info);
    std::string path;
    std::shared_ptr<Region> region;
    if (info[1].IsString()) {
      path = arguments.text(1);
    } else {
      region = ByteStaging::from(info[1])->take();
    }
    std::string metric = arguments.absent(2) ? "" : arguments.text(2);
    const Call call(info.Env(), arguments.number(0), true);
    run_in_bulk(call,
                [path, region, metric, bigint = arguments.boolean(3), note = arguments.text(4),
                 ticket = call.ticket()]() -> Result {
                  const std::string name = region ? "The buffer" : path;
                  Body body = read_faiss(region ? region : read_region(path, *ticket), name, bigint);
                  SnapshotInfo made;
                  made.spec.dim = body.index->d;
                  made.spec.metric = metric_of(body.index.get());
                  made.spec.metric_arg = body.index->metric_arg;
                  made.spec.factory = body.factory;
                  if (!metric.empty()) {
                    const Metric wanted = metric_from_name(metric);
                    if (faiss_metric(wanted) != body.index->metric_type) {
                      throw Error(code::kArgument,
                                  "The file's metric is " + std::string(metric_name(made.spec.metric)) + ", not " +
                                      metric + ".",
                                  metric_name(made.spec.metric), metric);
                    }
                    if (wanted == Metric::kCosine) check_unit_length(body, name);
                    made.spec.metric = wanted;
                  }
                  made.bigint_ids = bigint;
                  made.note = note;
                  auto state = IndexState::from_body(std::move(body), std::move(made));
                  return [state](Napi::Env env) { return wrap_state(env, state); };
                });
    return info.Env().Undefined();
  });
}

Napi::Value Index::attach(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::string token = Arguments(info).text(0);
    std::shared_ptr<IndexState> state;
    {
      std::lock_guard<std::mutex> guard(shared().mutex);
      const auto found = shared().by_token.find(token);
      if (found != shared().by_token.end()) state = found->second.lock();
    }
    if (!state || !state->open_another_handle()) {
      throw Error(code::kNotFound,
                  "No open index of this process has the token \"" + token +
                      "\". Keep the index open in the thread that called share() until this one has attached.",
                  "the token of an open index", token);
    }
    // Held while it is wrapped, so that its last other handle cannot go meanwhile.
    const std::shared_ptr<void> held(nullptr, [&](void*) { state->close_handle(); });
    return wrap_state(info.Env(), state);
  });
}

Napi::Value Index::share(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::lock_guard<std::mutex> guard(shared().mutex);
    auto& tokens = shared().by_token;
    for (auto it = tokens.begin(); it != tokens.end();) {
      const auto held = it->second.lock();
      if (held == state()) return Napi::String::New(info.Env(), it->first);
      it = held ? std::next(it) : tokens.erase(it);
    }
    const std::string token = new_token();
    tokens[token] = state();
    return Napi::String::New(info.Env(), token);
  });
}

Napi::Value Index::count(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(state()->count())); });
}

Napi::Value Index::stats(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto stats = state()->stats();
    account_->update(env);
    auto object = Napi::Object::New(env);
    auto set = [&](const char* key, auto value) {
      object.Set(key, Napi::Number::New(env, static_cast<double>(value)));
    };
    set("dim", state_->dim());
    object.Set("metric", metric_name(state_->spec().metric));
    object.Set("bigintIds", Napi::Boolean::New(env, state_->bigint_ids()));
    object.Set("implicitIds", Napi::Boolean::New(env, stats->implicit_ids));
    object.Set("factory", stats->factory);
    object.Set("kind", stats->kind);
    object.Set("note", state_->note());
    set("count", state_->count());
    set("deleted", stats->deleted);
    object.Set("trained", Napi::Boolean::New(env, stats->trained));
    object.Set("mapped", Napi::Boolean::New(env, stats->mapped));
    set("bytes", stats->bytes);
    set("derivedBytes", stats->derived_bytes);
    set("generation", stats->generation);
    set("M", stats->m);
    set("efConstruction", stats->ef_construction);
    set("efSearch", stats->ef_search);
    set("nlist", stats->nlist);
    set("nprobe", stats->nprobe);
    return object;
  });
}

Napi::Value Index::set_note(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state()->set_note(Arguments(info).text(0));
    return info.Env().Undefined();
  });
}

Napi::Value Index::when_quiet(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto& index = state();
    const Call call(info.Env(), Arguments(info).number(0), false);
    // Through the strand: what was asked for before has begun by then.
    index->strand->post(make_task([index, call] {
      try {
        fault::point(fault::Place::kWork);
        index->when_quiet([call] { call.resolve([](Napi::Env env) { return env.Undefined(); }); });
      } catch (...) {
        call.reject(std::current_exception());
      }
    }));
    return info.Env().Undefined();
  });
}

Napi::Value Index::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Call call(info.Env(), Arguments(info).number(0), false);
    auto state = std::move(state_);
    account_->close(info.Env());
    if (!state) {
      call.resolve([](Napi::Env env) { return env.Undefined(); });
      return info.Env().Undefined();
    }
    const bool last = state->close_handle();
    run_on_strand(*state->strand, call, [state, last]() -> Result {
      if (last) state->free();
      return [](Napi::Env env) { return env.Undefined(); };
    });
    return info.Env().Undefined();
  });
}

}  // namespace quiver
