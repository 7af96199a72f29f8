#pragma once

#include <cstdint>
#include <string>

#include "log/error.h"

namespace infini {

/// What becomes of a record that cannot be used: broken UTF-8 or JSON, no text, an empty file.
enum class OnBadRecord { fail, skip };

/// A record that cannot be used, where none may be left out. The message is DocumentText's problem.
struct BrokenRecord : UserError {
  using UserError::UserError;
};

/// Counts the records that are left out, and warns of the first ones.
class BadRecords {
 public:
  explicit BadRecords(OnBadRecord on_bad_record) : on_bad_record_(on_bad_record) {}
  /// Throws BrokenRecord where none may be left out.
  void add(const std::string& problem);
  int64_t count() const { return count_; }

 private:
  OnBadRecord on_bad_record_;
  int64_t count_ = 0;
};

}  // namespace infini
