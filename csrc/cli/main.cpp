#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cxxopts.hpp>
#include <exception>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cli/commands.h"
#include "log/error.h"
#include "text/edit_distance.h"

namespace infini {
namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(int argc, char** argv);
};

constexpr std::array kCommands = {
    Command{"prepare", "tokenise text into memory-mapped shards", run_prepare},
    Command{"tokenize", "token ids of a text, or the text of token ids", run_tokenize},
    Command{"train", "train a model from a YAML configuration; --resume goes on", run_train},
    Command{"eval", "streaming perplexity of a checkpoint over whole documents", run_eval},
    Command{"score", "negative log-likelihood of each token of a file of ids", run_score},
    Command{"generate", "continue a prompt of any length", run_generate},
    Command{"passkey", "how far back the memory finds a key: accuracy by length and depth", run_passkey},
    Command{"memory", "what the memory holds, after more and more of a document", run_memory},
    Command{"tables", "the paper's Tables 1 and 2: context memory, and perplexities of finished runs", run_tables},
    Command{"report", "one self-contained HTML page about finished or running runs", run_report},
    Command{"bench", "time the ops and a training step on the device at hand", run_bench},
    Command{"info", "versions, devices, and which op implementations are built in", run_info},
};

void print_help() {
  std::cout << "infini " INFINI_VERSION
               ": trains, evaluates and samples Infini-Transformers\n\n"
               "Usage: infini VERB [OPTION...]\n\n";
  for (const Command& command : kCommands) {
    std::cout << "  " << command.name << std::string(10 - command.name.size(), ' ') << command.summary << "\n";
  }
  std::cout
      << "\n  infini VERB --help   options and an example\n"
         "  infini --version     the version\n\n"
         "Exit codes: 0 done; 1 it failed; 2 the input is wrong, and one line says what; 3 train was told to stop\n"
         "and has written a checkpoint that --resume goes on from.\n";
}

const Command& find_command(std::string_view name) {
  const auto found =
      std::find_if(kCommands.begin(), kCommands.end(), [&](const Command& command) { return command.name == name; });
  if (found != kCommands.end()) return *found;
  const auto nearest = std::min_element(kCommands.begin(), kCommands.end(), [&](const Command& a, const Command& b) {
    return edit_distance(name, a.name) < edit_distance(name, b.name);
  });
  throw UserError("unknown verb '" + std::string(name) + "'; did you mean '" + std::string(nearest->name) +
                  "'? (infini --help lists all)");
}

constexpr std::string_view kOutOfMemory =
    "out of memory; lower batch_rows, segments_per_chunk or the size of the model";

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

/// The option whose value cxxopts could not read; its message names only the value. Empty if it cannot be found.
std::string option_of_value(const std::string& message, int argc, char** argv) {
  const std::string open = "‘", close = "’";
  const size_t begin = message.find(open);
  const size_t end = message.rfind(close);
  if (begin == std::string::npos || end == std::string::npos || end < begin + open.size()) return "";
  const std::string value = message.substr(begin + open.size(), end - begin - open.size());
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals != std::string::npos && argument.substr(equals + 1) == value) return argument.substr(0, equals);
    if (i > 1 && argument == value) return argv[i - 1];
  }
  return "";
}

int run(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "--help";
  if (verb == "--help" || verb == "-h" || verb == "help") {
    print_help();
    return argc > 1 ? 0 : 2;
  }
  if (verb == "--version") {
    std::cout << "infini " INFINI_VERSION "\n";
    return 0;
  }
  const Command& command = find_command(verb);
  try {
    return command.run(argc - 1, argv + 1);
  } catch (const cxxopts::exceptions::incorrect_argument_type& error) {
    const std::string option = option_of_value(error.what(), argc - 1, argv + 1);
    throw UserError((option.empty() ? "" : option + ": ") + std::string(error.what()) + "; see infini " +
                    std::string(command.name) + " --help");
  } catch (const cxxopts::exceptions::exception& error) {
    throw UserError(std::string(error.what()) + "; see infini " + std::string(command.name) + " --help");
  }
}

}  // namespace
}  // namespace infini

int main(int argc, char** argv) {
  try {
    const int code = infini::run(argc, argv);
    if (!std::cout.flush())
      throw std::runtime_error("standard output could not be written: what it holds is not whole");
    return code;
  } catch (const infini::UserError& error) {
    std::cerr << "infini: " << error.what() << "\n";
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr << "infini: " << infini::kOutOfMemory << "\n";
    return 1;
  } catch (const c10::Error& error) {
    // After its first line what() has the C++ stack, which a person does not need. The CPU's allocator has no exception
    // type of its own.
    const std::string line = infini::first_line(error.what_without_backtrace());
    const bool is_out_of_memory = line.find("can't allocate memory") != std::string::npos;
    std::cerr << "infini: " << (is_out_of_memory ? infini::kOutOfMemory : line) << "\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "infini: " << infini::first_line(error.what()) << "\n";
    return 1;
  }
}
