#pragma once

#include <cstdio>
#include <memory>

namespace infini {

/// One number for each word of a reading, in order, in a temporary file without a name: a second reading of the same
/// words compares itself word by word, and memory does not grow with the text.
class WordLosses {
 public:
  WordLosses();

  void append(double nats);
  /// Goes back to the first word: `next` begins there. Nothing is appended after that.
  void rewind();
  /// The next word's number. Throws std::logic_error if there is none: the second reading is of other words.
  double next();

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace infini
