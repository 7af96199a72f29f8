#include "io/folder_lock.h"

#include <optional>

#include "io/temporary_folder.h"
#include "log/error.h"

namespace infini {
namespace {

using testing::message_of;
using testing::TemporaryFolder;

class FolderLockTest : public ::testing::Test {
 protected:
  std::string refusal() const {
    return message_of<UserError>([&] { const FolderLock lock(folder_.path(), "preparing"); });
  }

  TemporaryFolder folder_;
};

TEST_F(FolderLockTest, IsRefusedWhileAnotherHoldsIt) {
  std::optional<FolderLock> first(std::in_place, folder_.path(), "preparing");
  EXPECT_EQ(refusal(),
            "another process is preparing " + folder_.path().string() + "; wait for its end, or give another folder");
  first.reset();
  const FolderLock second(folder_.path(), "preparing");
}

TEST_F(FolderLockTest, NamesAFolderThatIsNotThere) {
  std::filesystem::remove(folder_.path());
  EXPECT_EQ(refusal(), "cannot open " + folder_.path().string() + ": No such file or directory");
}

}  // namespace
}  // namespace infini
