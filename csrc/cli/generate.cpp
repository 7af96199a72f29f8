#include "eval/generate.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "checkpoint/generation_config.h"
#include "cli/commands.h"
#include "cli/model_options.h"
#include "eval/text_stream.h"
#include "log/error.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

std::string read_prompt(const cxxopts::ParseResult& arguments) {
  if (arguments.count("prompt") + arguments.count("prompt-file") != 1) {
    throw UserError("give the prompt either as --prompt TEXT or as --prompt-file FILE");
  }
  if (arguments.count("prompt") > 0) {
    auto text = arguments["prompt"].as<std::string>();
    if (text.empty()) throw UserError("--prompt is empty: give at least one character");
    return text;
  }
  const auto file = arguments["prompt-file"].as<std::string>();
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream stream(file, std::ios::binary);
    if (!stream || std::filesystem::is_directory(file)) {
      throw UserError("--prompt-file " + file + ": " + (stream ? "it is a folder; give a file" : std::strerror(errno)));
    }
    text << stream.rdbuf();
  }
  if (text.view().empty()) throw UserError("--prompt-file " + file + " is empty: it must hold at least one character");
  return std::move(text).str();
}

}  // namespace

int run_generate(int argc, char** argv) {
  cxxopts::Options options(
      "infini generate",
      "Continues a prompt of any length; all of it is read through the memory.\n\n"
      "Example: infini generate --checkpoint runs/quickstart/checkpoints/step-600 --prompt \"Enter the King\"\n");
  add_model_options(options);
  auto add = options.add_options();
  add("prompt", "the text to continue", cxxopts::value<std::string>(), "TEXT");
  add("prompt-file", "a file that holds it; - is standard input", cxxopts::value<std::string>(), "FILE");
  add("max-new-tokens", "when to stop, unless the text ends before", cxxopts::value<int64_t>()->default_value("256"),
      "N");
  add("temperature", "0 takes the most probable token", cxxopts::value<double>()->default_value("0.8"), "T");
  add("top-p", "sample among the most probable tokens that reach this probability together",
      cxxopts::value<double>()->default_value("0.95"), "P");
  add("seed", "of the sampling", cxxopts::value<uint64_t>()->default_value("0"), "N");
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;

  GenerateOptions choice;
  choice.max_new_tokens = arguments["max-new-tokens"].as<int64_t>();
  if (choice.max_new_tokens < 1) {
    throw UserError("--max-new-tokens must be at least 1, but is " + std::to_string(choice.max_new_tokens));
  }
  choice.temperature = arguments["temperature"].as<double>();
  choice.top_p = arguments["top-p"].as<double>();
  choice.seed = arguments["seed"].as<uint64_t>();

  const std::filesystem::path checkpoint = chosen_checkpoint(arguments);
  const std::string text = read_prompt(arguments);
  const auto model = load_chosen_model(arguments, checkpoint);
  const auto tokenizer = load_tokenizer(checkpoint);
  std::vector<int32_t> prompt = tokenizer->encode(text);
  prompt.insert(prompt.begin(), tokenizer->document_start());
  choice.stop_tokens = read_eos_token_ids(checkpoint);
  for (const int32_t id : tokenizer->stop_ids()) choice.stop_tokens.push_back(id);

  TextStream characters(*tokenizer, {prompt.back()});
  generate(*model, prompt, choice, [&](int32_t token) { std::cout << characters.push(token) << std::flush; });
  std::cout << characters.finish() << "\n";
  return 0;
}

}  // namespace infini
