#pragma once

#include <stdexcept>
#include <string>

namespace infini {

/// A fault that the user must mend: a wrong option, key, path or file. The message is one line that says what is wrong,
/// where, and what would be right. The command line prints it and exits with code 2. Every other exception exits
/// with 1.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace infini
