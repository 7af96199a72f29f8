#include <chrono>
#include <cstdio>
#include <cxxopts.hpp>
#include <fstream>

#include "cli/commands.h"
#include "io/atomic_file.h"
#include "io/mapped_file.h"
#include "log/error.h"
#include "log/log.h"
#include "text/encode_in_pieces.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace infini {
namespace {

/// Encodes a text piece by piece, so that only one piece's ids are in memory, and says how fast.
void write_ids(const Tokenizer& tokenizer, std::string_view text, const std::string& file) {
  using Clock = std::chrono::steady_clock;
  AtomicFile out(file);
  const size_t bytes = text.size();
  size_t tokens = 0;
  Clock::duration encoding{};
  while (!text.empty()) {
    const Clock::time_point begin = Clock::now();
    const size_t size = first_piece(tokenizer, text, true);
    const std::vector<int32_t> ids = tokenizer.encode(text.substr(0, size));
    encoding += Clock::now() - begin;
    tokens += ids.size();
    std::string lines;
    for (const int32_t id : ids) {
      lines += std::to_string(id);
      lines += '\n';
    }
    out.write(lines);
    text.remove_prefix(size);
  }
  out.commit();
  char line[128];
  const double seconds = std::chrono::duration<double>(encoding).count();
  std::snprintf(line, sizeof line, "%zu bytes are %zu tokens, encoded in %.4f s", bytes, tokens, seconds);
  log::info(line);
}

/// The ids of a file: numbers, white space between.
std::vector<int32_t> read_ids(const std::string& file) {
  std::ifstream stream(file);
  std::vector<int32_t> ids;
  for (std::string word; stream >> word;) {
    size_t end = 0;
    int64_t id = -1;
    try {
      id = std::stoll(word, &end);
    } catch (const std::exception&) {
    }
    if (end != word.size() || id < 0 || id > INT32_MAX) {
      throw UserError("--file " + file + ": \"" + word.substr(0, 40) + "\" is no token id; expected integers from 0");
    }
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

}  // namespace

int run_tokenize(int argc, char** argv) {
  cxxopts::Options options(
      "infini tokenize",
      "Token ids of a whole text, or with --decode the text of token ids. No special token is added.\n\n"
      "Example: infini tokenize --tokenizer checkpoint/ --file book.txt --out ids.txt\n");
  auto add = options.add_options();
  add("tokenizer", "a tokenizer's folder or file: tokenizer.json, tokenizer.model, vocab.json …; or bytes",
      cxxopts::value<std::string>(), "DIR_OR_FILE");
  add("file", "the text, or with --decode the ids, with white space between", cxxopts::value<std::string>(), "FILE");
  add("out", "where the ids go, one a line, or with --decode the text", cxxopts::value<std::string>(), "FILE");
  add("decode", "ids to text");
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;
  for (const char* const name : {"tokenizer", "file", "out"}) {
    if (arguments.count(name) == 0)
      throw UserError(std::string("--") + name + " is missing; see infini tokenize --help");
  }
  const auto file = arguments["file"].as<std::string>();
  const auto name = arguments["tokenizer"].as<std::string>();
  const auto tokenizer = name == "bytes" ? make_byte_tokenizer() : load_tokenizer(name);
  const MappedFile mapped(file);
  if (arguments.count("decode") > 0) {
    write_file(arguments["out"].as<std::string>(), tokenizer->decode(read_ids(file)));
    return 0;
  }
  if (const auto offset = invalid_utf8_offset(mapped.text()); offset && name != "bytes") {
    log::warn(file + " is not UTF-8 at byte " + std::to_string(*offset) + "; such bytes are read as U+FFFD");
  }
  write_ids(*tokenizer, mapped.text(), arguments["out"].as<std::string>());
  return 0;
}

}  // namespace infini
