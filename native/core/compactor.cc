#include "core/compactor.h"

#include <faiss/IndexPreTransform.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <faiss/invlists/InvertedLists.h>

#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "core/mend.h"
#include "core/residual_lists.h"

namespace quiver {

namespace {

constexpr size_t kMovesASlice = 1000;

void move_code(faiss::IndexFlatCodes& codes, int64_t from, int64_t to) {
  std::memcpy(codes.codes.data() + to * codes.code_size, codes.codes.data() + from * codes.code_size, codes.code_size);
}

}  // namespace

bool sweep_in_place(Body& body, FairLock& lock) {
  faiss::Index* index = body.index.get();
  const auto arrays = movable_codes(index);
  if (arrays.empty()) return false;
  if (body.rows.dead() == 0) return true;
  own_memory(index, lock);
  drop_unused_region(body, lock);
  int64_t hole = 0;  // rows before it live, or will when the moves are done
  auto last_live = [&](int64_t end) {
    while (end > hole && body.rows.is_dead(end - 1)) end--;
    return end;
  };
  int64_t end = last_live(body.rows.rows());
  const bool holes = body.rows.dead() > body.rows.rows() - end;
  if (holes && !body.rows.has_room(body.rows.rows(), true)) {
    // Moved rows have ids that do not count: better made beside the index than with the lock held.
    RowIds named = body.rows.grown(body.rows.rows(), true);
    std::lock_guard<FairLock> hold(lock);
    std::swap(body.rows, named);
  }
  while (body.rows.dead() > 0) {
    // Which rows move is found without the lock: nobody else writes.
    std::vector<std::pair<int64_t, int64_t>> moves;
    while (moves.size() < kMovesASlice) {
      end = last_live(end);
      while (hole < end && !body.rows.is_dead(hole)) hole++;
      if (hole >= end) break;
      moves.emplace_back(--end, hole++);
    }
    end = last_live(end);
    std::lock_guard<FairLock> hold(lock);
    for (const auto& [from, to] : moves) {
      for (auto* codes : arrays) move_code(*codes, from, to);
      if (body.exact) body.exact->move(from, to);
      body.rows.move(from, to);
    }
    body.rows.truncate(end);
    if (body.exact) body.exact->truncate(end);
    for (auto* codes : arrays) codes->codes.resize(static_cast<size_t>(end) * codes->code_size);
    set_row_count(index, end);
  }
  return true;
}

std::unique_ptr<faiss::Index> copy_index(const faiss::Index& index) {
  faiss::VectorIOWriter writer;
  faiss::write_index(&index, &writer);
  faiss::VectorIOReader reader;
  reader.data.swap(writer.data);
  std::unique_ptr<faiss::Index> copy(faiss::read_index(&reader));
  mend_after_read(copy.get());
  mend_residual_lists(copy);
  return copy;
}

bool copyable_live_rows(const Body& body) {
  const auto* ivf = as_ivf(base_of(body.index.get()));
  if (ivf == nullptr || dynamic_cast<const faiss::ArrayInvertedLists*>(ivf->invlists) == nullptr) return false;
  // Refinement keeps codes by row beside the lists: both would have to be renumbered.
  for (const faiss::Index* part = body.index.get(); part != ivf;) {
    const auto* transform = dynamic_cast<const faiss::IndexPreTransform*>(part);
    if (transform == nullptr) return false;
    part = transform->index;
  }
  return true;
}

std::unique_ptr<faiss::Index> copy_live_rows(const Body& body) {
  if (!copyable_live_rows(body)) return nullptr;
  auto copy = copy_index(*body.index);
  auto* lists = as_ivf(base_of(copy.get()));
  auto* entries = dynamic_cast<faiss::ArrayInvertedLists*>(lists->invlists);
  std::vector<int64_t> new_row(static_cast<size_t>(body.rows.rows()), -1);
  int64_t next = 0;
  for (int64_t row = 0; row < body.rows.rows(); row++) {
    if (!body.rows.is_dead(row)) new_row[static_cast<size_t>(row)] = next++;
  }
  for (size_t list = 0; list < lists->nlist; list++) {
    size_t kept = 0;
    const size_t size = entries->list_size(list);
    uint8_t* codes = entries->codes[list].data();
    faiss::idx_t* ids = entries->ids[list].data();
    for (size_t i = 0; i < size; i++) {
      const int64_t row = new_row[static_cast<size_t>(ids[i])];
      if (row < 0) continue;
      if (kept != i) std::memmove(codes + kept * lists->code_size, codes + i * lists->code_size, lists->code_size);
      ids[kept++] = row;
    }
    entries->resize(list, kept);
  }
  for (faiss::Index* part = copy.get(); part != nullptr;) {
    part->ntotal = next;
    auto* transform = dynamic_cast<faiss::IndexPreTransform*>(part);
    part = transform != nullptr ? transform->index : nullptr;
  }
  // The copy has read no map of its entries, which would name the old places anyway.
  if (!as_ivf(base_of(body.index.get()))->direct_map.no()) lists->make_direct_map(true);
  return copy;
}

}  // namespace quiver
