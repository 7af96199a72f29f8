#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "log/error.h"

namespace infini {

/// A test with an empty folder of its own, removed afterwards.
class InTemporaryFolder : public ::testing::Test {
 protected:
  InTemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "infini-checkpoint-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
    folder_ = name;
  }
  ~InTemporaryFolder() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

inline void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  return bytes.str();
}

/// What a call that must fail with a UserError says; empty if it does not fail.
template <typename Call>
std::string user_error_of(Call&& call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

}  // namespace infini
