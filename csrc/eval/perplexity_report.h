#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/perplexity.h"

namespace infini {

/// What `infini eval --json` prints. A number that is not finite is null.
nlohmann::json to_json(const Perplexity& perplexity);

/// The same for people: a headline of a few lines, then a table of the loss by position.
std::string to_text(const Perplexity& perplexity);

/// What a reader of these numbers must know, a line each, with the remedy.
std::vector<std::string> warnings(const Perplexity& perplexity);

}  // namespace infini
