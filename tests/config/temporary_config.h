#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/load_train_config.h"
#include "config/to_yaml.h"
#include "log/error.h"

namespace infini {

/// A test with its own YAML file, which is removed afterwards.
class WithConfigFile : public ::testing::Test {
 protected:
  WithConfigFile() {
    std::string name = (std::filesystem::temp_directory_path() / "infini-config-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
    folder_ = name;
    file_ = folder_ / "a.yaml";
  }
  ~WithConfigFile() override { std::filesystem::remove_all(folder_); }

  TrainConfig load(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
    std::ofstream(file_) << yaml;
    return load_train_config(file_, overrides);
  }
  void write(const std::string& name, const std::string& yaml) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << yaml;
  }
  /// The error message of loading, without the folder of the file; empty if it loads.
  std::string error_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
    try {
      load(yaml, overrides);
    } catch (const UserError& error) {
      std::string message = error.what();
      const std::string folder = folder_.string() + "/";
      for (size_t at = message.find(folder); at != std::string::npos; at = message.find(folder)) {
        message.erase(at, folder.size());
      }
      return message;
    }
    return {};
  }

  std::filesystem::path folder_, file_;
};

}  // namespace infini
