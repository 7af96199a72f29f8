#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/deterministic_random.h"

namespace infini {

/// The sentences that one example hides in its filler, and what it asks about them.
struct Needles {
  /// Separated from the filler by a space; in the order of the text if the order matters.
  std::vector<std::string> sentences;
  std::vector<size_t> evidence;  ///< indices of the sentences that the answer needs, ascending
  std::string question;          ///< the answer follows directly
  std::string answer;
};

/// The text before the filler.
extern const std::string_view kIntroduction;

/// "passkey, passkeys, …"
std::string needle_kinds();

/// One example's needles, in the wording of the passkey test:
/// - passkey: one key
/// - passkeys: `count` keys of different people; the question asks for one of them
/// - key_value: the same in short sentences, with made-up words as keys
/// - variables: a chain of `count` variables; the first is a number, and the question asks for the last
/// Numbers have `digits` digits, and the first digit is not 0. Throws UserError for an unknown kind, or if the kind
/// cannot have `count` needles.
Needles make_needles(std::string_view kind, int64_t digits, int64_t count, DeterministicRandom& random);

}  // namespace infini
