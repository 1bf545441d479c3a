#include "core/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "test/support.h"

namespace quiver::test {

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void write_all(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.publish();
}

TEST(AtomicFile, PublishesWholeFilesOfEverySize) {
  const Folder folder;
  Random random(21);
  // Around the buffer of 1 MiB.
  for (const size_t size : {0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3500000}) {
    std::string text(size, 0);
    for (auto& c : text) c = static_cast<char>(random.below(256));
    AtomicFile file(folder.path("a"));
    for (size_t at = 0; at < size;) {
      const size_t part = std::min(size - at, static_cast<size_t>(random.between(1, 700000)));
      file.write(text.data() + at, part);
      at += part;
    }
    EXPECT_EQ(file.position(), size);
    if (size > 100) {
      file.patch("patched", 7);
      text.replace(0, 7, "patched");
    }
    file.publish();
    EXPECT_TRUE(content(folder.path("a")) == text) << size;
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
  }
}

TEST(AtomicFile, ReplacesOnlyWhenPublished) {
  const Folder folder;
  put(folder.path("a"), "before");
  {
    AtomicFile file(folder.path("a"));
    file.write("after", 5);
    EXPECT_EQ(content(folder.path("a")), "before");
  }
  EXPECT_EQ(content(folder.path("a")), "before");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"}) << "nothing is left behind";
  write_all(folder.path("a"), "after");
  EXPECT_EQ(content(folder.path("a")), "after");
}

TEST(AtomicFile, WritersOfOnePathDoNotMeet) {
  const Folder folder;
  AtomicFile first(folder.path("a")), second(folder.path("a"));
  first.write("first", 5);
  second.write("second", 6);
  second.publish();
  first.publish();
  EXPECT_EQ(content(folder.path("a")), "first");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, WhoReadsTheOldFileKeepsIt) {
  const Folder folder;
  put(folder.path("a"), "before");
  const Fd old = open_for_reading(folder.path("a"));
  write_all(folder.path("a"), "after!");
  char text[6];
  read_exactly(old, text, 6, 0, "a");
  EXPECT_EQ(std::string(text, 6), "before");
}

TEST(AtomicFile, SaysWhatIsWrongWithThePath) {
  const Folder folder;
  EXPECT_EQ(code_of([&] { AtomicFile(folder.path("no/such/folder")); }), code::kIo);
  put(folder.path("file"), "x");
  EXPECT_EQ(code_of([&] { AtomicFile(folder.path("file/below")); }), code::kIo);
  std::filesystem::create_directory(folder.path("sub"));
  EXPECT_EQ(code_of([&] { AtomicFile(folder.path("sub")); }), code::kIo) << "a folder is no file";
  EXPECT_EQ(code_of([&] { AtomicFile("/dev/null"); }), code::kIo) << "a device is no file";
  ASSERT_EQ(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { AtomicFile(folder.path("pipe")); }), code::kIo);
  std::filesystem::create_symlink("/dev/full", folder.path("full"));
  EXPECT_EQ(code_of([&] { AtomicFile(folder.path("full")); }), code::kIo);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"file", "full", "pipe", "sub"}));
}

// Runs `body` in a child that may harm itself; its exit code.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

// What a full disk does: writes end with an error after so many bytes. Signals are blocked as on our worker threads.
int write_limited(const std::string& path, rlim_t limit, size_t bytes) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  const rlimit small{limit, limit};
  setrlimit(RLIMIT_FSIZE, &small);
  try {
    AtomicFile file(path);
    const std::vector<uint8_t> block(100000, 7);
    for (size_t at = 0; at < bytes; at += block.size()) file.write(block.data(), block.size());
    file.publish();
  } catch (const Error& error) {
    return error.code == std::string(code::kIo) ? 2 : 3;
  }
  return 1;
}

TEST(AtomicFile, AFileThatCannotGrowIsAnErrorAndLeavesTheOldOne) {
  const Folder folder;
  put(folder.path("a"), "before");
  for (const rlim_t limit : {0, 1000, 1048576, 2500000}) {
    EXPECT_EQ(in_child([&] { return write_limited(folder.path("a"), limit, 3000000); }), 2) << limit;
    EXPECT_EQ(content(folder.path("a")), "before");
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
  }
  EXPECT_EQ(in_child([&] { return write_limited(folder.path("a"), 3000000, 3000000); }), 1);
  EXPECT_EQ(content(folder.path("a")).size(), 3000000u);
}

TEST(AtomicFile, AFolderThatIsReadOnlyIsAnError) {
  const Folder folder;
  ASSERT_EQ(chmod(folder.path("").c_str(), 0500), 0);
  // Root may write anywhere: then a child that is nobody asks.
  const int result = in_child([&] {
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0)) return 50;
    return code_of([&] { AtomicFile(folder.path("a")); }) == code::kIo ? 2 : 3;
  });
  ASSERT_EQ(chmod(folder.path("").c_str(), 0700), 0);
  if (result == 50) GTEST_SKIP() << "root here may not become another user";
  EXPECT_EQ(result, 2);
  EXPECT_TRUE(folder.names().empty());
}

TEST(AtomicFile, FollowsALinkAndKeepsPermissions) {
  const Folder folder;
  put(folder.path("target"), "before");
  ASSERT_EQ(chmod(folder.path("target").c_str(), 0600), 0);
  std::filesystem::create_symlink("target", folder.path("link"));
  write_all(folder.path("link"), "after");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link")));
  EXPECT_EQ(content(folder.path("target")), "after");
  struct stat found{};
  ASSERT_EQ(stat(folder.path("target").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  std::filesystem::remove(folder.path("target"));
  write_all(folder.path("link"), "anew");
  EXPECT_EQ(content(folder.path("link")), "anew") << "a link to nothing becomes the file";
}

TEST(AtomicFile, TakesTheLongestName) {
  const Folder folder;
  const std::string name(255, 'n');
  write_all(folder.path(name), "x");
  EXPECT_EQ(folder.names(), std::vector<std::string>{name});
}

TEST(AtomicFile, AFolderThatGoesAwayIsAnError) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("sub"));
  AtomicFile file(folder.path("sub/a"));
  file.write("x", 1);
  std::filesystem::remove_all(folder.path("sub"));
  EXPECT_EQ(code_of([&] { file.publish(); }), code::kIo);
}

TEST(Reading, ReadsWhatIsThereAndNoMore) {
  const Folder folder;
  put(folder.path("a"), "0123456789");
  const Fd fd = open_for_reading(folder.path("a"));
  EXPECT_EQ(size_of(fd, "a"), 10u);
  char text[4];
  read_exactly(fd, text, 4, 6, "a");
  EXPECT_EQ(std::string(text, 4), "6789");
  EXPECT_EQ(code_of([&] { read_exactly(fd, text, 4, 7, "a"); }), code::kCorrupt);
  EXPECT_EQ(code_of([&] { read_exactly(fd, text, 1, 100, "a"); }), code::kCorrupt);
  EXPECT_EQ(code_of([&] { open_for_reading(folder.path("b")); }), code::kNotFound);
  EXPECT_EQ(code_of([&] { size_of(open_for_reading(folder.path("")), "a folder"); }), code::kIo);
  EXPECT_EQ(code_of([&] { size_of(open_for_reading("/dev/null"), "a device"); }), code::kIo);
  ASSERT_EQ(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { size_of(open_for_reading(folder.path("pipe")), "a pipe"); }), code::kIo)
      << "it must not wait";
}

TEST(Fd, ClosesOnceAndMoves) {
  const Folder folder;
  put(folder.path("a"), "x");
  int number;
  {
    Fd first = open_for_reading(folder.path("a"));
    number = first.get();
    Fd second = std::move(first);
    EXPECT_EQ(first.get(), -1);
    EXPECT_EQ(second.get(), number);
    Fd third;
    third = std::move(second);
    EXPECT_EQ(third.get(), number);
    EXPECT_NE(fcntl(number, F_GETFD) & FD_CLOEXEC, 0) << "children must not inherit it";
  }
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(MemorySink, KeepsAndPatches) {
  MemorySink sink;
  sink.write("hello", 5);
  sink.write(" world", 6);
  sink.patch("J", 1);
  EXPECT_EQ(sink.position(), 11u);
  const auto bytes = sink.take();
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "Jello world");
}

}  // namespace

}  // namespace quiver::test
