#include "core/crew.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>

#include "core/executor.h"

namespace quiver {

namespace {

struct Shared {
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::condition_variable all_out;
  int inside = 0;
  std::exception_ptr error;
};

// `work` is the caller's: it may be touched only by who is inside.
void help(Shared& shared, int64_t parts, const std::function<void(int64_t)>& work) {
  {
    const std::lock_guard<std::mutex> guard(shared.mutex);
    if (shared.next >= parts) return;
    shared.inside++;
  }
  try {
    for (int64_t part; (part = shared.next.fetch_add(1)) < parts;) work(part);
  } catch (...) {
    const std::lock_guard<std::mutex> guard(shared.mutex);
    if (!shared.error) shared.error = std::current_exception();
    shared.next = parts;
  }
  const std::lock_guard<std::mutex> guard(shared.mutex);
  if (--shared.inside == 0) shared.all_out.notify_all();
}

// With fewer than asked for where memory or threads run out: helpers are welcome, not needed. Nothing may be thrown
// once one was asked, or it would come to `work` when the caller is gone.
void ask_helpers(int64_t helpers, const std::shared_ptr<Shared>& shared, int64_t parts,
                 const std::function<void(int64_t)>& work) {
  try {
    for (int64_t i = 0; i < helpers; i++) {
      Executor::instance().post_interactive(make_task([shared, parts, &work] { help(*shared, parts, work); }));
    }
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace

void run_in_parts(int64_t parts, int threads, const std::function<void(int64_t)>& work) {
  const auto helpers = std::min<int64_t>(threads, parts) - 1;
  if (helpers <= 0) {
    for (int64_t part = 0; part < parts; part++) work(part);
    return;
  }
  const auto shared = std::make_shared<Shared>();
  ask_helpers(helpers, shared, parts, work);
  help(*shared, parts, work);
  std::unique_lock<std::mutex> guard(shared->mutex);
  shared->all_out.wait(guard, [&] { return shared->inside == 0; });
  if (shared->error) std::rethrow_exception(shared->error);
}

}  // namespace quiver
