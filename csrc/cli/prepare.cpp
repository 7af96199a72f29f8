#include "data/prepare.h"

#include <algorithm>
#include <cxxopts.hpp>
#include <iostream>
#include <string>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/text_options.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr const char* kSources =
    "\nSOURCE is one of\n"
    "  a folder with train/, validation/ and test/, read with all folders inside (as PG19)\n"
    "  a folder with train.jsonl, validation.jsonl and test.jsonl (or .txt)\n"
    "  one .txt file: the last 5% are for testing, the 5% before for validation\n"
    "  one .jsonl file: of each 20 lines the last is for testing, the one before for validation\n"
    "A .txt file is one document. A .jsonl file has a document a line, in its \"text\" (or see --text-key). Both may "
    "be\n"
    "compressed: .txt.gz, .jsonl.zst. validation may also be called val, valid or dev. Other files are left out; a\n"
    "warning names them.\n"
    "A run that was cut off goes on when the same command is given again.\n"
    "\nExample:\n"
    "  infini prepare --source pg19 --out data/pg19 --tokenizer sentencepiece --vocab-size 32000\n";

}  // namespace

int run_prepare(int argc, char** argv) {
  cxxopts::Options parser("infini prepare", "Tokenises text into memory-mapped shards for training and evaluation.");
  // clang-format off
  parser.add_options()
      ("source", "text files or JSON lines, see below", cxxopts::value<std::string>(), "PATH")
      ("out", "the data folder to write", cxxopts::value<std::string>(), "DIR")
      ("tokenizer", "bytes; sentencepiece, to train one on the train split; or a tokenizer's folder or file",
       cxxopts::value<std::string>()->default_value("bytes"), "KIND")
      ("vocab-size", "tokens of a sentencepiece model that is to be trained (default: 32000)",
       cxxopts::value<int64_t>(), "N")
      ("threads", kThreadsHelp, cxxopts::value<int64_t>()->default_value("0"), "N")
      ("shard-tokens", "most tokens of a file", cxxopts::value<int64_t>()->default_value("67108864"), "N")
      ("h,help", "this text");
  // clang-format on
  add_text_options(parser);
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
  const TextReading reading = text_reading(parsed);
  options.text_key = reading.text_key;
  options.on_bad_record = reading.on_bad_record;
  options.threads = parsed["threads"].as<int64_t>();
  options.shard_tokens = parsed["shard-tokens"].as<int64_t>();
  try {
    prepare(options);
  } catch (const WrongOption& error) {
    std::string option = error.field;
    std::replace(option.begin(), option.end(), '_', '-');
    throw UserError("--" + option + " " + error.problem);
  } catch (const BrokenRecord& error) {
    throw with_advice(error);
  }
  return 0;
}

}  // namespace infini
