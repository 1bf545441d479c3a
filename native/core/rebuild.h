// Makes an index anew beside the running one: without its dead rows, or as another kind.
//
// The running index stays open for searches and writes meanwhile. The ids that are written are noted, and what they
// have become is taken over before the new index takes the place of the old one, in one short hold of the lock.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/body.h"
#include "core/factory.h"
#include "core/journal.h"
#include "core/ticket.h"

namespace quiver {

class IndexState;

// A copy without dead rows, on the caller's thread. The body must not change meanwhile. Lists are copied to the bit;
// other kinds are decoded and encoded again, which changes nothing where codes are whole vectors.
Body live_copy(const Body& body, const Ticket& ticket);
// The vector of a row as the index keeps it. Lists need their map from rows to places (IndexState::prepare_get).
void reconstruct_row(const faiss::Index& index, int64_t row, float* out);

class Rebuild : public std::enable_shared_from_this<Rebuild> {
 public:
  using Done = std::function<void(std::exception_ptr)>;
  // `sweep`: the index does it by itself. `done` is called once, unless start() throws: then never.
  static void start(std::shared_ptr<IndexState> index, std::optional<Spec> spec, std::shared_ptr<Ticket> ticket,
                    bool sweep, Done done);

 private:
  Rebuild(std::shared_ptr<IndexState> index, std::optional<Spec> spec, std::shared_ptr<Ticket> ticket, bool sweep,
          Done done);
  // Each step runs as a task of its own: on the strand, off it, on it again.
  void begin();
  void build();
  void finish();
  void post_begin();
  template <typename Step>
  void guarded(Step&& step);
  void end(std::exception_ptr error);

  void check_memory(uint64_t need) const;
  void swap_in();
  void train_fresh();
  std::vector<float> read(const std::vector<int64_t>& ids, size_t from, size_t to, std::vector<int64_t>& found) const;
  void take_over(const std::vector<int64_t>& ids);
  void take_over_journal();

  std::shared_ptr<IndexState> index_;
  std::optional<Spec> spec_;
  std::shared_ptr<Ticket> ticket_;
  bool sweep_;
  Done done_;
  std::vector<int64_t> ids_;
  Body fresh_;
  std::shared_ptr<Journal> journal_;  // the index's, from begin() on
  bool ended_ = false;
};

}  // namespace quiver
