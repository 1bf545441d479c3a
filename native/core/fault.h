// Places where a test makes a call fail, to see that whatever is thrown there becomes an error with a code. Nothing is
// armed unless a test arms it; until then a place costs one read of a flag that nobody writes.
#pragma once

#include <atomic>

namespace quiver::fault {

enum class Place {
  kNowhere,
  kEntry,   // a call from JS, before it has read its arguments
  kWork,    // the work of a call, on the thread that does it
  kResult,  // the making of its JS value, on the JS thread again
};
enum class Thrown { kBadAlloc, kLengthError, kFaiss, kInt };

inline std::atomic<Place> armed{Place::kNowhere};

// The next call that comes by `place`, in any thread, throws; or one after it, when the first `passes` go by unharmed.
void arm(Place place, Thrown thrown, int passes);
void strike(Place place);

inline void point(Place place) {
  if (armed.load(std::memory_order_relaxed) == place) strike(place);
}

}  // namespace quiver::fault
