#include "data/prepare.h"

#include <algorithm>
#include <cxxopts.hpp>
#include <iostream>
#include <string>

#include "cli/commands.h"
#include "data/record_reader.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr const char* kSources =
    "\nSOURCE is one of\n"
    "  a folder with train/, validation/ and test/, each with .txt files (a document each, as in PG19) or .jsonl or\n"
    "    .jsonl.gz files (a document a line, in its \"text\")\n"
    "  a folder with train.jsonl, validation.jsonl and test.jsonl (or .jsonl.gz, or .txt)\n"
    "  one .txt file: the last 5% are for testing, the 5% before for validation\n"
    "  one .jsonl or .jsonl.gz file: of each 20 lines the last is for testing, the one before for validation\n"
    "A run that was cut off goes on when the same command is given again.\n"
    "\nExample:\n"
    "  infini prepare --source pg19 --out data/pg19 --tokenizer sentencepiece --vocab-size 32000\n";

OnBadRecord on_bad_record(const std::string& value) {
  if (value == "fail") return OnBadRecord::fail;
  if (value == "skip") return OnBadRecord::skip;
  throw UserError("--on-bad-record is '" + value + "', expected fail or skip");
}

}  // namespace

int run_prepare(int argc, char** argv) {
  cxxopts::Options parser("infini prepare", "Tokenises text into memory-mapped shards for training and evaluation.");
  // clang-format off
  parser.add_options()
      ("source", "text files or JSON lines, see below", cxxopts::value<std::string>(), "PATH")
      ("out", "the data folder to write", cxxopts::value<std::string>(), "DIR")
      ("tokenizer", "bytes; sentencepiece, to train one on the train split; or a sentencepiece FILE.model",
       cxxopts::value<std::string>()->default_value("bytes"), "KIND")
      ("vocab-size", "tokens of a sentencepiece model that is to be trained (default: 32000)",
       cxxopts::value<int64_t>(), "N")
      ("on-bad-record", "fail or skip: what to do about broken UTF-8 or JSON, a missing text, an empty file",
       cxxopts::value<std::string>()->default_value("fail"), "WHAT")
      ("threads", "0: one a core", cxxopts::value<int64_t>()->default_value("0"), "N")
      ("shard-tokens", "most tokens of a file", cxxopts::value<int64_t>()->default_value("67108864"), "N")
      ("h,help", "this text");
  // clang-format on
  const cxxopts::ParseResult parsed = parser.parse(argc, argv);
  if (parsed.count("help") > 0) {
    std::cout << parser.help() << kSources;
    return 0;
  }
  if (!parsed.unmatched().empty()) {
    throw UserError("prepare cannot use '" + parsed.unmatched().front() + "'; see infini prepare --help");
  }
  for (const char* needed : {"source", "out"}) {
    if (parsed.count(needed) > 0) continue;
    throw UserError("--" + std::string(needed) + " is missing; see infini prepare --help");
  }
  PrepareOptions options;
  options.source = parsed["source"].as<std::string>();
  options.out = parsed["out"].as<std::string>();
  options.tokenizer = parsed["tokenizer"].as<std::string>();
  if (parsed.count("vocab-size") > 0) {
    options.vocab_size = parsed["vocab-size"].as<int64_t>();
    if (options.vocab_size < 1) throw UserError("--vocab-size must be positive");
  }
  options.on_bad_record = on_bad_record(parsed["on-bad-record"].as<std::string>());
  options.threads = parsed["threads"].as<int64_t>();
  options.shard_tokens = parsed["shard-tokens"].as<int64_t>();
  try {
    prepare(options);
  } catch (const WrongOption& error) {
    std::string option = error.field;
    std::replace(option.begin(), option.end(), '_', '-');
    throw UserError("--" + option + " " + error.problem);
  } catch (const BrokenRecord& error) {
    throw UserError(std::string(error.what()) + " (mend it, or leave such records out with --on-bad-record skip)");
  }
  return 0;
}

}  // namespace infini
