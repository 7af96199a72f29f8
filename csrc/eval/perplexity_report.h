#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/perplexity.h"

namespace infini {

/// The output of `infini eval --json`. A number that is not finite becomes null.
nlohmann::json to_json(const Perplexity& perplexity);

/// The same for people: a few lines of headline numbers, then a table of the loss by position.
std::string to_text(const Perplexity& perplexity);

/// Warnings about these numbers, one line each, with the remedy.
std::vector<std::string> warnings(const Perplexity& perplexity);

}  // namespace infini
