#include "core/ticket.h"

#include <thread>

#include "test/support.h"

namespace quiver::test {

namespace {

TEST(Ticket, IsAbortedOnceCancelled) {
  Ticket ticket;
  EXPECT_FALSE(ticket.aborted());
  EXPECT_NO_THROW(ticket.check());
  std::thread other([&] { ticket.cancel(); });
  other.join();
  EXPECT_TRUE(ticket.aborted());
  EXPECT_EQ(code_of([&] { ticket.check(); }), code::kAborted);
  EXPECT_FALSE(Ticket().aborted()) << "another call's ticket";
}

TEST(Ticket, AShutdownAbortsThemAll) {
  shutting_down() = true;
  const Ticket ticket;
  EXPECT_TRUE(ticket.aborted());
  EXPECT_EQ(code_of([&] { ticket.check(); }), code::kAborted);
  shutting_down() = false;
  EXPECT_FALSE(ticket.aborted());
}

TEST(Ticket, ReportsToWhoeverListens) {
  Ticket ticket;
  ticket.report("add", 1, 2);  // nobody does
  std::string heard;
  ticket.on_progress = [&](const char* phase, int64_t done, int64_t total) {
    heard += std::string(phase) + " " + std::to_string(done) + "/" + std::to_string(total) + ";";
  };
  ticket.report("add", 1, 2);
  ticket.report("save", 5, 5);
  EXPECT_EQ(heard, "add 1/2;save 5/5;");
}

// Every long call: cancelled before it begins it does nothing, and says so.
TEST(Ticket, ACancelledCallSaysSoAndLeavesTheIndexUsable) {
  constexpr int64_t kDim = 16;
  Random random(51);
  const auto x = random.vectors(400, kDim);
  const Folder folder;
  for (const std::string factory : {"Flat", "HNSW8", "IVF8,Flat", "IVF8,PQ4x4fs"}) {
    SCOPED_TRACE(factory);
    const auto index = index_of(factory, kDim, x);
    Ticket gone;
    gone.cancel();
    EXPECT_EQ(code_of([&] { add_to(index, x, std::nullopt, gone); }), code::kAborted);
    EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->remove({1, 2}, gone); }); }), code::kAborted);
    EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->save(folder.path("a"), gone); }); }), code::kAborted);
    EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->to_bytes(gone); }); }), code::kAborted);
    EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->export_faiss(folder.path("a"), gone); }); }), code::kAborted);
    EXPECT_EQ(code_of([&] { on_strand(index, [&] { index->export_faiss_bytes(gone); }); }), code::kAborted);
    remove_from(index, {7});
    auto cancelled = std::make_shared<Ticket>();
    cancelled->cancel();
    EXPECT_EQ(code_of([&] { rebuild_now(index, std::nullopt, cancelled); }), code::kAborted);
    EXPECT_TRUE(folder.names().empty());
    EXPECT_EQ(index->count(), 399);
    EXPECT_EQ(ask(*index, x, SearchOptions()).ids[0], 0);
  }
}

}  // namespace

}  // namespace quiver::test
