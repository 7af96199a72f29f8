#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/deterministic_random.h"

namespace infini {

/// The sentences that one example hides in its filler, and what it asks about them.
struct Needles {
  std::vector<std::string> sentences;  ///< one word apart from the filler; in the order of the text where that matters
  std::vector<size_t> evidence;        ///< those that the answer follows from, ascending
  std::string question;                ///< ends where the answer begins
  std::string answer;
};

/// What stands before the filler.
extern const std::string_view kIntroduction;

/// "passkey, passkeys, …"
std::string needle_kinds();

/// One example's needles, in the wording of the passkey test:
/// - passkey: one key
/// - passkeys: `count` keys of different people, one of whom is asked for
/// - key_value: the same in short sentences, keyed by made-up words
/// - variables: a chain of `count` variables, of which the first is a number and the last is asked for
/// Numbers have `digits` digits, the first not 0. Throws UserError for another kind, or one that cannot have so many.
Needles make_needles(std::string_view kind, int64_t digits, int64_t count, DeterministicRandom& random);

}  // namespace infini
