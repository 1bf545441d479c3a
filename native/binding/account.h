// What V8 was told of the memory behind one wrapper. V8 sees only the wrapper itself: untold, dropped indexes would
// pile up before it collects them. It is told of 32 MiB at most: it looks for garbage each time it hears of 64 more,
// for some milliseconds in which the event loop stands still, and one large index is not a reason to look again and
// again.
#pragma once

#include <napi.h>

#include <algorithm>
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
  static constexpr int64_t kMost = int64_t{32} << 20;

  void tell(Napi::Env env, int64_t taken) {
    const int64_t bytes = std::min(taken, kMost);
    const int64_t more = bytes - std::exchange(told_, bytes);
    int64_t total;
    if (more != 0) napi_adjust_external_memory(env, more, &total);
  }

  std::weak_ptr<IndexState> state_;
  int64_t told_ = 0;
};

}  // namespace quiver
