// Codes for exact search of plain vectors: made when searches ask for them, on the strand, a slice at a time.
#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>

#include "core/background.h"
#include "core/blas.h"
#include "core/error.h"
#include "core/flat_codes.h"
#include "core/index_state.h"

namespace quiver {

namespace {

// To make codes takes about as long as so many searches.
constexpr int64_t kAsked = 64;
// Numbers that are encoded between two looks at what else the strand has to do: some hundredths of a second.
constexpr int64_t kSlice = int64_t{1} << 22;

}  // namespace

void IndexState::ask_for_codes(int64_t n, const SearchOptions& options) const {
  if (shape_.graph != nullptr && !options.exact) return;
  // Who maps a file wants its vectors out of memory, and codes are a part of them.
  if (body_.region && body_.region->mapped() && !codes_wanted_) return;
  const faiss::IndexFlat* flat = FlatCodes::vectors_of(*body_.index);
  if (flat == nullptr) return;
  const bool due =
      !body_.exact || !body_.exact->serving() || body_.exact->behind(flat->ntotal) || body_.exact->outgrown();
  if (!due || flat->ntotal < next_exact_ || !FlatCodes::suits(*flat)) return;
  if (exact_asked_.fetch_add(n) + n < kAsked || exact_posted_.exchange(true)) return;
  try {
    const auto self = std::const_pointer_cast<IndexState>(shared_from_this());
    auto work = std::make_shared<Background>(*self);
    self->strand->post(make_task([self, work = std::move(work)] { self->derive_exact(work); }));
  } catch (const std::exception&) {
    // Shutting down, or no memory: searches do without.
    exact_posted_ = false;
  }
}

void IndexState::derive_exact(const std::shared_ptr<Background>& work) {
  bool more = false;
  try {
    more = !freed_ && !damaged_ && derive_exact_slice();
    if (more) strand->post(make_task([self = shared_from_this(), work] { self->derive_exact(work); }));
  } catch (const std::exception&) {
    // No memory, or shutting down. What is there is sound, and serves where it had served.
    more = false;
  }
  if (more) return;
  exact_asked_ = 0;
  exact_posted_ = false;
  if (!freed_) publish();
}

// True when there is more to do. Nobody else writes meanwhile; readers may go on but for the moments of the lock.
bool IndexState::derive_exact_slice() {
  // The cores are likely busy with the searches that asked for this.
  const OneThread alone;
  const faiss::IndexFlat* flat = FlatCodes::vectors_of(*body_.index);
  if (flat == nullptr || !FlatCodes::suits(*flat)) return false;
  const auto put = [&](std::unique_ptr<FlatCodes> fresh) {
    const std::lock_guard<FairLock> hold(lock_);
    std::swap(body_.exact, fresh);
    return fresh;  // what it replaces goes without the lock
  };
  if (!body_.exact || body_.exact->outgrown()) put(FlatCodes::begin(*flat));
  if (!body_.exact->has_room(flat->ntotal)) {
    put(body_.exact->grown(body_.exact->rows() == 0 ? flat->ntotal : flat->ntotal + flat->ntotal / 8));
  }
  const EncodedRows rows = body_.exact->encode(*flat, std::max<int64_t>(1, kSlice / flat->d));
  {
    const std::lock_guard<FairLock> hold(lock_);
    body_.exact->append(rows);
  }
  if (body_.exact->rows() < flat->ntotal) return true;
  if (body_.exact->serving()) return false;
  const bool gains = !body_.exact->outgrown() && body_.exact->approve(*flat);
  {
    const std::lock_guard<FairLock> hold(lock_);
    next_exact_ = gains ? 0 : 2 * flat->ntotal;
    if (gains) body_.exact->serve();
  }
  if (!gains) put(nullptr);
  return false;
}

}  // namespace quiver
