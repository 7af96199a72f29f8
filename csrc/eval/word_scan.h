#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace infini {

/// A word of a text that is read token by token.
struct ScannedWord {
  std::string text;   ///< in lower case
  int64_t first = 0;  ///< the index of the token that holds its first byte
  double nats = 0;    ///< the loss of all tokens that hold any of its bytes
};

/// Finds the words of a document in the bytes of its tokens. A word is a run of at least kShortestWord letters, see
/// lower_case_letter. A token may hold several words, and a word or a character may go through several tokens: nothing
/// but the document's ends cuts a word. Holds one word at a time.
class WordScan {
 public:
  static constexpr int64_t kShortestWord = 4;  ///< letters

  /// The first token that is pushed has index `first`. `receive` gets each word when it has ended.
  WordScan(int64_t first, std::function<void(const ScannedWord&)> receive);

  /// Takes the next token: its bytes and its loss.
  void push(std::string_view bytes, double nats = 0);
  /// The document ends here.
  void finish();

 private:
  void take(char byte);
  /// The bytes in `character_` are a character or can never become one.
  void end_character();
  void end_word();

  std::function<void(const ScannedWord&)> receive_;
  int64_t token_;                 ///< the index of the newest token
  std::vector<double> nats_;      ///< of the newest tokens: from the open word's or character's first one on
  std::string character_;         ///< the bytes of a character that is not complete
  int64_t character_first_ = 0;   ///< the token with its first byte
  std::string word_;              ///< the letters of a word that may go on
  int64_t letters_ = 0;           ///< in `word_`
  int64_t first_ = 0, last_ = 0;  ///< the tokens with the first and the last byte of `word_`
};

}  // namespace infini
