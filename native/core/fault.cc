#include "core/fault.h"

#include <faiss/impl/FaissException.h>

#include <new>
#include <stdexcept>

namespace quiver::fault {

namespace {
std::atomic<Thrown> what{Thrown::kBadAlloc};
std::atomic<int> left{0};
}  // namespace

void arm(Place place, Thrown thrown, int passes) {
  what = thrown;
  left = passes;
  armed = place;
}

void strike(Place place) {
  if (left.fetch_sub(1) > 0) return;
  if (!armed.compare_exchange_strong(place, Place::kNowhere)) return;  // another thread was faster
  switch (what.load()) {
    case Thrown::kBadAlloc:
      throw std::bad_alloc();
    case Thrown::kLengthError:
      throw std::length_error("a length that a test made up");
    case Thrown::kFaiss:
      throw faiss::FaissException("a refusal that a test made up");
    case Thrown::kInt:
      throw 42;
  }
}

}  // namespace quiver::fault
