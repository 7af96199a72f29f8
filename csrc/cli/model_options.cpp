#include "cli/model_options.h"

#include <unistd.h>

#include <iostream>

#include "cli/freed_memory.h"
#include "io/available_cores.h"
#include "io/run_checkpoints.h"
#include "log/error.h"
#include "model/loading.h"
#include "train/device.h"

namespace infini {

const char* const kThreadsHelp = "CPU threads; 0: one for each core that the process may use (see infini info)";

void add_model_options(cxxopts::Options& options) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  auto add = options.add_options();
  add("checkpoint", "a checkpoint (Hugging Face layout), or a run: its best checkpoint, or else its newest", text(),
      "DIR");
  add("precision", "float32 or bfloat16: what the model computes in", text()->default_value("float32"), "NAME");
  add("device", "auto, cpu, cuda or cuda:1", text()->default_value("auto"), "NAME");
  add("threads", kThreadsHelp, cxxopts::value<int>()->default_value("0"), "N");
  add("h,help", "print this");
}

std::optional<cxxopts::ParseResult> parse_arguments(cxxopts::Options& options, int argc, char** argv) {
  cxxopts::ParseResult arguments = options.parse(argc, argv);
  if (arguments.count("help") > 0) {
    std::cout << options.help() << "\n";
    return std::nullopt;
  }
  if (!arguments.unmatched().empty()) {
    throw UserError("'" + arguments.unmatched().front() + "' belongs to no option; see " + options.program() +
                    " --help");
  }
  return arguments;
}

std::string required(const cxxopts::ParseResult& arguments, const std::string& option) {
  if (arguments.count(option) == 0) throw UserError("--" + option + " is missing");
  return arguments[option].as<std::string>();
}

int64_t positive(const cxxopts::ParseResult& arguments, const std::string& option) {
  const auto value = arguments[option].as<int64_t>();
  if (value < 1) throw UserError("--" + option + " must be 1 or more, but is " + std::to_string(value));
  return value;
}

std::filesystem::path chosen_checkpoint(const cxxopts::ParseResult& arguments) {
  return checkpoint_of(required(arguments, "checkpoint"));
}

std::shared_ptr<CausalLanguageModel> load_chosen_model(const cxxopts::ParseResult& arguments,
                                                       const std::filesystem::path& checkpoint) {
  return_freed_memory();
  const int threads = arguments["threads"].as<int>();
  if (threads < 0) {
    throw UserError("--threads must be 0 (one a usable core) or more, but is " + std::to_string(threads));
  }
  torch::set_num_threads(threads > 0 ? threads : static_cast<int>(available_cores().count));

  const std::string precision = arguments["precision"].as<std::string>();
  if (precision != "float32" && precision != "bfloat16") {
    throw UserError("--precision must be float32 or bfloat16, but is '" + precision + "'");
  }
  const torch::Device device = choose_device(arguments["device"].as<std::string>());
  auto model = load_model(checkpoint, device, torch::kFloat32);
  if (precision == "bfloat16") model->set_compute_dtype(torch::kBFloat16);
  return model;
}

void check_output_path(const std::string& option, const std::filesystem::path& file,
                       const std::filesystem::path& input) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::string problem;
  if (!std::filesystem::is_directory(folder)) {
    problem = "the folder " + folder.string() + " does not exist";
  } else if (file.filename().empty() || std::filesystem::is_directory(file)) {
    problem = "it is a folder; give a file";
  } else if (std::filesystem::exists(file) && !std::filesystem::is_regular_file(file)) {
    problem = "it is a device or a pipe, whose place a file would take; give a file";
  } else if (std::filesystem::exists(file) && std::filesystem::exists(input) &&
             std::filesystem::equivalent(file, input)) {
    problem = "it is the input; give another file";
  } else if (access(folder.c_str(), W_OK) != 0) {
    problem = "the folder " + folder.string() + " is not writable";
  }
  if (!problem.empty()) throw UserError("--" + option + " " + file.string() + ": " + problem);
}

}  // namespace infini
