#include "core/graph_linker.h"

#include <faiss/IndexHNSW.h>

#include <cmath>
#include <new>

#include "core/linking_codes.h"
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

// By codes as by vectors: the same searches of FAISS find as much in the graph.
TEST(GraphLinker, GraphsByCodesAreAsGood) {
  constexpr int64_t kWide = 48, kRows = 3000, kQueries = 100, kNearest = 10;
  Random random(203);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    for (const bool whole : {false, true}) {
      auto x = random.vectors(kRows, kWide);
      auto queries = random.vectors(kQueries, kWide);
      for (auto* numbers : {&x, &queries}) {
        for (auto& value : *numbers) value = whole ? std::floor(std::fabs(value) * 60) : value;
      }
      const auto found_in = [&](bool by_codes) {
        Body body = filled("HNSW16", kWide, {}, metric);
        auto* graph = as_hnsw(body.index.get());
        FairLock lock;
        GraphLinker linker(*graph, body.node_locks, lock);
        LinkingCodes codes;
        codes.prepare(*graph, kRows, x.data());
        graph->storage->add(kRows, x.data());
        graph->hnsw.prepare_level_tab(kRows);
        graph->ntotal = kRows;
        linker.link(0, kRows, x.data(), team(), by_codes ? codes.with(kRows, x.data()) : nullptr);
        check_structure(*body.index, kRows, "the graph");
        std::vector<int64_t> rows(kQueries * kNearest), nearest(rows.size());
        std::vector<float> distances(rows.size());
        faiss::SearchParametersHNSW wide;
        wide.efSearch = 40;
        graph->search(kQueries, queries.data(), kNearest, distances.data(), rows.data(), &wide);
        graph->storage->search(kQueries, queries.data(), kNearest, distances.data(), nearest.data());
        int64_t found = 0;
        for (size_t i = 0; i < rows.size(); i++) {
          const auto* its = nearest.data() + i / kNearest * kNearest;
          found += std::count(its, its + kNearest, rows[i]);
        }
        return static_cast<double>(found) / static_cast<double>(rows.size());
      };
      const double by_vectors = found_in(false), by_codes = found_in(true);
      EXPECT_GE(by_codes, by_vectors - 0.02) << "whole numbers: " << whole;
    }
  }
}

TEST(LinkingCodes, AreOfAllRowsAndTakeANewScaleWhenTheyOutgrowTheirs) {
  constexpr int64_t kWide = 32;
  Random random(204);
  const auto x = random.vectors(1000, kWide);
  auto far = random.vectors(1000, kWide);
  for (auto& value : far) value *= 10;
  Body body = filled("HNSW8", kWide, {});
  auto* graph = as_hnsw(body.index.get());
  LinkingCodes codes;
  codes.expect(3000);
  for (const std::vector<float>* piece : std::initializer_list<const std::vector<float>*>{&x, &far, &far}) {
    codes.prepare(*graph, 1000, piece->data());
    const auto* made = codes.with(1000, piece->data());
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(static_cast<int64_t>(made->size()), graph->ntotal + 1000);
    graph->storage->add(1000, piece->data());
    graph->ntotal += 1000;
    if (graph->ntotal == 3000) {
      EXPECT_EQ(made->clipped(), 0u);
    }
  }
  // Fewer than pay.
  codes.expect(10);
  LinkingCodes few;
  few.prepare(*graph, 10, x.data());
  EXPECT_EQ(few.with(10, x.data()), nullptr);
}

TEST(LinkingCodes, AreNotUsedWhereTheyMisplaceVectors) {
  constexpr int64_t kWide = 32;
  Random random(205);
  auto x = random.vectors(1000, kWide);
  // One component so much larger than the others that 8 bits leave nothing of these.
  for (int64_t i = 0; i < 1000; i++) x[static_cast<size_t>(i * kWide)] = i % 2 == 0 ? 1e4f : -1e4f;
  Body body = filled("HNSW8", kWide, {});
  LinkingCodes codes;
  codes.prepare(*as_hnsw(body.index.get()), 1000, x.data());
  EXPECT_EQ(codes.with(1000, x.data()), nullptr);
  Body other = filled("HNSW16,SQ8", kWide, random.vectors(600, kWide));
  codes = LinkingCodes();
  if (auto* graph = as_hnsw(other.index.get())) {
    codes.prepare(*graph, 1000, x.data());
    EXPECT_EQ(codes.with(1000, x.data()), nullptr);
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
