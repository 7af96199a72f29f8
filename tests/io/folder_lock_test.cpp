#include "io/folder_lock.h"

#include <optional>

#include "io/in_temporary_folder.h"

namespace infini {
namespace {

class FolderLockTest : public InTemporaryFolder {
 protected:
  std::string refusal() const {
    return user_error_of([&] { const FolderLock lock(folder_, "preparing"); });
  }
};

TEST_F(FolderLockTest, IsRefusedWhileAnotherHoldsIt) {
  std::optional<FolderLock> first(std::in_place, folder_, "preparing");
  EXPECT_EQ(refusal(),
            "another process is preparing " + folder_.string() + "; wait for its end, or give another folder");
  first.reset();
  EXPECT_EQ(refusal(), "");
}

TEST_F(FolderLockTest, NamesAFolderThatIsNotThere) {
  std::filesystem::remove(folder_);
  EXPECT_EQ(refusal(), "cannot open " + folder_.string() + ": No such file or directory");
}

}  // namespace
}  // namespace infini
