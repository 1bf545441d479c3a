// What V8 was told of the memory behind one wrapper. V8 sees only the wrapper itself: untold, dropped indexes would
// pile up before it collects them.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "core/index_state.h"

namespace quiver {

// Used on the JS thread only. Calls under way hold it as the wrapper does: each brings it up to date as it ends.
class Account {
 public:
  explicit Account(const std::shared_ptr<IndexState>& state) : state_(state) {}

  void update(Napi::Env env) {
    const auto state = state_.lock();
    tell(env, state ? static_cast<int64_t>(state->stats()->bytes) : 0);
  }
  // The wrapper has let go of the index.
  void close(Napi::Env env) {
    state_.reset();
    tell(env, 0);
  }

 private:
  void tell(Napi::Env env, int64_t bytes) {
    const int64_t more = bytes - std::exchange(told_, bytes);
    int64_t total;
    if (more != 0) napi_adjust_external_memory(env, more, &total);
  }

  std::weak_ptr<IndexState> state_;
  int64_t told_ = 0;
};

}  // namespace quiver
