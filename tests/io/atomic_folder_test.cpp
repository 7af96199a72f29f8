#include "io/atomic_folder.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::read_text;
using testing::TemporaryFolder;
using testing::write_text;

class AtomicFolderTest : public ::testing::Test {
 protected:
  void write_folder(const std::string& text) {
    AtomicFolder folder(target_);
    write_text(folder.path() / "a.txt", text);
    write_text(folder.path() / "trainer/b.txt", text);
    folder.commit();
  }
  int64_t entries() const { return std::distance(std::filesystem::directory_iterator(folder_.path()), {}); }

  TemporaryFolder folder_;
  std::filesystem::path target_ = folder_ / "step-5";
};

TEST_F(AtomicFolderTest, AppearsOnlyOnCommit) {
  AtomicFolder folder(target_);
  write_text(folder.path() / "a.txt", "1");
  EXPECT_FALSE(std::filesystem::exists(target_));
  EXPECT_EQ(folder.path(), folder_ / ".step-5.partial");
  folder.commit();
  EXPECT_EQ(read_text(target_ / "a.txt"), "1");
  EXPECT_EQ(entries(), 1);
}

TEST_F(AtomicFolderTest, LeavesNothingBehindWithoutCommit) {
  { write_text(AtomicFolder(target_).path() / "a.txt", "1"); }
  EXPECT_EQ(entries(), 0);
}

TEST_F(AtomicFolderTest, ReplacesAnExistingFolderAsAWhole) {
  write_text(target_ / "old.txt", "old");
  write_folder("new");
  EXPECT_FALSE(std::filesystem::exists(target_ / "old.txt"));
  EXPECT_EQ(read_text(target_ / "trainer/b.txt"), "new");
  EXPECT_EQ(entries(), 1);
}

TEST_F(AtomicFolderTest, RemovesWhatAKilledWriterLeft) {
  write_text(folder_ / ".step-5.partial/stale.txt", "stale");
  write_folder("new");
  EXPECT_FALSE(std::filesystem::exists(target_ / "stale.txt"));
}

TEST_F(AtomicFolderTest, CreatesTheFoldersAboveAndTakesATrailingSlash) {
  AtomicFolder folder((folder_ / "runs/a/step-7").string() + "/");
  folder.commit();
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "runs/a/step-7"));
}

TEST_F(AtomicFolderTest, RefusesToReplaceAFile) {
  write_text(target_, "a file");
  EXPECT_THAT(message_of<UserError>([&] { AtomicFolder folder(target_); }),
              AllOf(HasSubstr(target_.string()), HasSubstr("is a file")));
}

TEST_F(AtomicFolderTest, ListsTheCrc32OfEveryFileBelow) {
  write_folder("123456789");
  const auto json = nlohmann::json::parse(read_text(target_ / "checksums.json"));
  // cbf43926 is the check value that CRC-32's definition gives for "123456789".
  EXPECT_EQ(json, nlohmann::json::parse(R"({"files": {"a.txt": {"bytes": 9, "crc32": "cbf43926"},
                                                     "trainer/b.txt": {"bytes": 9, "crc32": "cbf43926"}}})"));
}

TEST_F(AtomicFolderTest, VerifiesUntilAnyBitFlips) {
  write_folder("some text");
  verify_checksums(target_);
  for (const char* const name : {"a.txt", "trainer/b.txt"}) {
    for (size_t bit = 0; bit < 9 * 8; ++bit) {
      std::string bytes = "some text";
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      write_text(target_ / name, bytes);
      EXPECT_THAT(message_of<UserError>([&] { verify_checksums(target_); }),
                  AllOf(HasSubstr((target_ / name).string()), HasSubstr("damaged")));
    }
    write_text(target_ / name, "some text");
  }
  verify_checksums(target_);
}

TEST_F(AtomicFolderTest, VerifyingNamesATruncatedAMissingAndAnUnlistedState) {
  write_folder("some text");
  write_text(target_ / "a.txt", "some");
  EXPECT_THAT(message_of<UserError>([&] { verify_checksums(target_); }),
              AllOf(HasSubstr("a.txt is truncated"), HasSubstr("4 bytes"), HasSubstr("with 9")));
  std::filesystem::remove(target_ / "a.txt");
  EXPECT_THAT(message_of<UserError>([&] { verify_checksums(target_); }), HasSubstr("a.txt is missing"));
  write_text(target_ / "checksums.json", "{");
  EXPECT_THAT(message_of<UserError>([&] { verify_checksums(target_); }), HasSubstr("checksums.json:1: not valid JSON"));
  std::filesystem::remove(target_ / "checksums.json");
  verify_checksums(target_);  // a folder from elsewhere
}

TEST_F(AtomicFolderTest, StaysWholeWhenItsWriterIsKilledAtAnyMoment) {
  write_folder("0");
  std::mt19937 random(1);
  for (int kill_number = 0; kill_number < 20; ++kill_number) {
    const pid_t writer = fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      try {
        for (int i = 0;; ++i) write_folder(std::string(1 + i % 5000, static_cast<char>('a' + i % 26)));
      } catch (...) {
        _exit(1);
      }
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(500 + random() % 30000);
    bool always_there = true;
    while (std::chrono::steady_clock::now() < until) always_there &= std::filesystem::exists(target_);
    kill(writer, SIGKILL);
    int status = 0;
    waitpid(writer, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
    EXPECT_TRUE(always_there) << "there was a moment with neither the old nor the new folder";
    verify_checksums(target_);
    EXPECT_EQ(read_text(target_ / "a.txt"), read_text(target_ / "trainer/b.txt"));
  }
  write_folder("last");
  EXPECT_EQ(entries(), 1);
}

// What a crash leaves between the two renames of a replaced folder, on a file system that cannot exchange names.
TEST_F(AtomicFolderTest, IsPutBackWhereACrashHasLeftItAside) {
  write_folder("old");
  std::filesystem::rename(target_, folder_ / ".step-5.partial.replaced");
  write_text(folder_ / ".step-5.partial/a.txt", "new");
  recover_atomic_folders(folder_.path());
  EXPECT_EQ(read_text(target_ / "a.txt"), "old");
  verify_checksums(target_);
  EXPECT_EQ(entries(), 1);

  // The next writer of the same folder finds it too.
  std::filesystem::rename(target_, folder_ / ".step-5.partial.replaced");
  { const AtomicFolder given_up(target_); }
  EXPECT_EQ(read_text(target_ / "a.txt"), "old");
}

TEST_F(AtomicFolderTest, IsNotReplacedByAnOlderOneThatACrashHasLeftAside) {
  write_folder("new");
  write_text(folder_ / ".step-5.partial.replaced/a.txt", "old");
  write_text(folder_ / ".step-7.partial/a.txt", "half");
  write_text(folder_ / ".notes.partial", "a file");
  recover_atomic_folders(folder_.path());
  EXPECT_EQ(read_text(target_ / "a.txt"), "new");
  EXPECT_EQ(entries(), 2);
  EXPECT_EQ(read_text(folder_ / ".notes.partial"), "a file");
  recover_atomic_folders(folder_ / "absent");
}

TEST_F(AtomicFolderTest, AFileIsWrittenThroughASymbolicLink) {
  write_text(folder_ / "real.txt", "old");
  std::filesystem::create_symlink("real.txt", folder_ / "link.txt");
  write_file(folder_ / "link.txt", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link.txt"));
  EXPECT_EQ(read_text(folder_ / "real.txt"), "new");
}

TEST_F(AtomicFolderTest, AFileIsReplacedAsAWholeToo) {
  const std::filesystem::path file = folder_ / "state.json";
  write_file(file, "old");
  {
    AtomicFile output(file);
    output.write("half");
  }
  EXPECT_EQ(read_text(file), "old");
  write_file(file, "new");
  EXPECT_EQ(read_text(file), "new");
  EXPECT_EQ(entries(), 1);
  EXPECT_THROW(write_file(folder_ / "absent/state.json", "x"), std::runtime_error);
}

}  // namespace
}  // namespace infini
