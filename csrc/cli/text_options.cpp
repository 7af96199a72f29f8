#include "cli/text_options.h"

#include <string>

namespace infini {

void add_data_option(cxxopts::Options& options) {
  options.add_options()(
      "data", "a split of a prepared data folder, or text: .txt or .jsonl (also .gz, .zst), or a folder of them",
      cxxopts::value<std::string>(), "PATH");
}

void add_text_options(cxxopts::Options& options) {
  auto add = options.add_options();
  add("text-key", "which value of a line of JSON is the document", cxxopts::value<std::string>()->default_value("text"),
      "KEY");
  add("on-bad-record", "fail or skip: what to do about broken UTF-8 or JSON, a missing text, an empty file",
      cxxopts::value<std::string>()->default_value("fail"), "WHAT");
}

TextReading text_reading(const cxxopts::ParseResult& arguments) {
  const auto word = arguments["on-bad-record"].as<std::string>();
  if (word != "fail" && word != "skip") throw UserError("--on-bad-record is '" + word + "', expected fail or skip");
  return {arguments["text-key"].as<std::string>(), word == "skip" ? OnBadRecord::skip : OnBadRecord::fail};
}

UserError with_advice(const BrokenRecord& error) {
  return UserError(std::string(error.what()) + " (mend it, or leave such records out with --on-bad-record skip)");
}

}  // namespace infini
