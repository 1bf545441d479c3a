// Who holds one of these does background work of an index.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/index_state.h"

namespace quiver {

// Background work under way: while one of these lives, the index is not quiet.
class IndexState::Background {
 public:
  explicit Background(IndexState& state) : state_(state.shared_from_this()) {
    std::lock_guard<std::mutex> guard(state_->small_);
    state_->background_++;
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() {
    std::vector<std::function<void()>> waiting;
    {
      std::lock_guard<std::mutex> guard(state_->small_);
      if (--state_->background_ > 0) return;
      waiting.swap(state_->when_quiet_);
    }
    for (auto& done : waiting) done();
  }

 private:
  std::shared_ptr<IndexState> state_;
};

}  // namespace quiver
