#include "core/graph_linker.h"

#include <new>

#include "core/structure_check.h"
#include "core/writer.h"
#include "test/failing_memory.h"
#include "test/search_oracle.h"

namespace quiver::test {

namespace {

constexpr int64_t kDim = 8;

// A graph with rows that are stored, but linked to nothing yet.
Body stored(const std::vector<float>& linked, const std::vector<float>& more) {
  Body body = filled("HNSW4", kDim, linked);
  auto* graph = as_hnsw(body.index.get());
  const auto n = static_cast<int64_t>(more.size()) / kDim;
  graph->storage->add(n, more.data());
  graph->hnsw.prepare_level_tab(static_cast<size_t>(n));
  graph->ntotal = graph->storage->ntotal;
  for (int64_t i = 0; i < n; i++) body.rows.append(body.rows.rows());
  return body;
}

TEST(GraphLinker, LinksEveryRow) {
  Random random(201);
  const auto x = random.vectors(300, kDim), more = random.vectors(400, kDim);
  for (const bool from_nothing : {false, true}) {
    Body body = stored(from_nothing ? std::vector<float>{} : x, more);
    const int64_t first = from_nothing ? 0 : 300;
    FairLock lock;
    GraphLinker linker(*as_hnsw(body.index.get()), body.node_locks, lock);
    EXPECT_FALSE(linker.begun());
    EXPECT_FALSE(linker.linked(first));
    linker.link(first, 400, more.data(), team());
    for (int64_t row = first; row < first + 400; row++) ASSERT_TRUE(linker.linked(row));
    ASSERT_NO_THROW(check_structure(*body.index, first + 400, "the graph"));
    int64_t found = 0;
    for (int64_t i = 0; i < 400; i++) {
      int64_t row;
      float distance;
      body.index->search(1, more.data() + i * kDim, 1, &distance, &row);
      if (row == first + i) found++;
    }
    EXPECT_GT(found, 380);
  }
}

// An exception must neither leave the OpenMP region, which would end the process, nor leave a lock of FAISS taken,
// which the next add would wait for without end.
TEST(GraphLinker, WithoutMemoryItSaysWhatIsLinkedAndTheNextOneWorks) {
  Random random(202);
  const auto x = random.vectors(100, kDim), more = random.vectors(40, kDim), last = random.vectors(20, kDim);
  int64_t failures = 0;
  for (int64_t fail_at = 1;; fail_at += 1 + fail_at / times(100, 30)) {
    SCOPED_TRACE("allocation " + std::to_string(fail_at));
    Body body = stored(x, more);
    auto* graph = as_hnsw(body.index.get());
    FairLock lock;
    bool failed = false;
    {
      GraphLinker linker(*graph, body.node_locks, lock);
      {
        const FailingMemory memory(fail_at);
        try {
          linker.link(100, 40, more.data(), team());
        } catch (const std::bad_alloc&) {
          failed = true;
        }
      }
      for (int64_t row = 100; row < 140; row++) {
        if (linker.linked(row)) continue;
        ASSERT_TRUE(failed);
        body.rows.kill(row);
      }
      if (failed && !linker.begun()) {
        cut_rows(graph, 100);
        body.rows.truncate(100);
      }
    }
    ASSERT_NO_THROW(check_structure(*body.index, body.rows.rows(), "the graph"));
    const Ticket ticket;
    Writer writer(body, lock, ticket, team());
    writer.append(20, last.data(), [&](int64_t, int64_t count) {
      for (int64_t i = 0; i < count; i++) body.rows.append(body.rows.rows());
    });
    ASSERT_NO_THROW(check_structure(*body.index, body.rows.rows(), "the graph"));
    if (!failed) break;
    failures++;
  }
  EXPECT_GT(failures, 10);
}

}  // namespace

}  // namespace quiver::test
