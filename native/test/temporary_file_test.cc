#include "core/temporary_file.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "test/support.h"

namespace quiver::test {

namespace {

void put(const std::string& path) { std::ofstream(path) << "x"; }

TEST(TemporaryFile, LiesBesideTheFileUnderANameOfItsOwn) {
  const Folder folder;
  const TemporaryFile first = make_temporary(folder.path("a")), second = make_temporary(folder.path("a"));
  EXPECT_NE(first.path, second.path);
  EXPECT_EQ(folder_of(first.path), folder_of(folder.path("a")));
  EXPECT_EQ(folder.names().size(), 2u);
}

TEST(TemporaryFile, AFolderOfAPathIsNeverEmpty) {
  EXPECT_EQ(folder_of("a"), ".");
  EXPECT_EQ(folder_of("/a"), "/");
  EXPECT_EQ(folder_of("b/a"), "b");
}

TEST(TemporaryFile, WhatAKilledWriterLeftGoesWithTheNextWrite) {
  const Folder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    AtomicFile file(folder.path("a"));
    file.write("half", 4);
    if (write(ready[1], "r", 1) != 1) _exit(1);
    pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(folder.names().size(), 1u);
  remove_abandoned(folder.path("a"));
  EXPECT_EQ(folder.names().size(), 1u) << "its writer lives";
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  AtomicFile file(folder.path("a"));
  file.write("whole", 5);
  file.publish();
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(TemporaryFile, OnlyItsOwnNamesAreTakenForAbandoned) {
  const Folder folder;
  const std::vector<std::string> others = {".a.1-2.tmp.bak", ".a.x-2.tmp", ".a.12.tmp", ".a.-2.tmp", ".a.1-.tmp",
                                           ".a.1-2-3.tmp",   ".b.1-2.tmp", ".a.tmp",    "a.1-2.tmp", ".a.1-2.txt"};
  for (const auto& name : others) put(folder.path(name));
  std::filesystem::create_directory(folder.path(".a.7-7.tmp"));
  std::filesystem::create_symlink("/etc/passwd", folder.path(".a.8-8.tmp"));
  const size_t before = folder.names().size();
  put(folder.path(".a.1-2.tmp"));
  remove_abandoned(folder.path("a"));
  EXPECT_EQ(folder.names().size(), before);
  EXPECT_FALSE(std::filesystem::exists(folder.path(".a.1-2.tmp")));
}

TEST(TemporaryFile, OneThatIsThereAlreadyDoesNotStopTheWriter) {
  const Folder folder;
  const TemporaryFile probe = make_temporary(folder.path("a"));
  // The next numbers are taken, and by somebody who holds them.
  const std::string start = probe.path.substr(0, probe.path.rfind('-') + 1);
  const int next = std::stoi(probe.path.substr(probe.path.rfind('-') + 1)) + 1;
  for (int i = 0; i < 3; i++) put(start + std::to_string(next + i) + ".tmp");
  const TemporaryFile made = make_temporary(folder.path("a"));
  EXPECT_EQ(made.path, start + std::to_string(next + 3) + ".tmp");
}

TEST(TemporaryFile, AFolderThatIsNotThereIsAnError) {
  const Folder folder;
  remove_abandoned(folder.path("no/such"));
  EXPECT_EQ(code_of([&] { make_temporary(folder.path("no/such")); }), code::kNotFound);
}

}  // namespace

}  // namespace quiver::test
