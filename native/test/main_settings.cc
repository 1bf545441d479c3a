// What holds for all tests: few threads, and lanes that are closed at the end, as the last Node environment does it.
#include "test/support.h"

namespace quiver::test {

namespace {

class Settings final : public ::testing::Environment {
 public:
  void SetUp() override {
    seed();
    // With OMP_THREAD_LIMIT=1 no team has a second thread, and the lanes may have more workers.
    Executor::instance().set_threads(omp_get_thread_limit() == 1 ? 2 : team());
    omp_set_num_threads(team());
  }
  void TearDown() override { Executor::instance().shutdown(); }
};

const auto* const settings = ::testing::AddGlobalTestEnvironment(new Settings);

}  // namespace

}  // namespace quiver::test
