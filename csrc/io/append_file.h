#pragma once

#include <filesystem>
#include <string_view>

namespace infini {

/// A file that grows record by record. Each record is handed to the system in one write, so a killed process leaves
/// whole records. A failure throws std::runtime_error that names the file and the reason.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path file);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view record);
  /// After this call all records survive a loss of power.
  void sync();

 private:
  [[noreturn]] void fail(int error) const;

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace infini
