// Makes one allocation of this thread fail, to see what is left behind when memory runs out in the middle.
#pragma once

#include <cstdint>

namespace quiver::test {

// While it lives, the `nth` call of operator new on this thread throws std::bad_alloc, and no other. 0 lets all pass.
class FailingMemory {
 public:
  explicit FailingMemory(int64_t nth);
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;
};

// The largest piece that any thread has asked operator new for since this was last called.
uint64_t largest_allocation();

}  // namespace quiver::test
