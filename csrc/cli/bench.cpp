#include "bench/bench.h"

#include <array>
#include <cxxopts.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "bench/bench_report.h"
#include "cli/commands.h"
#include "cli/freed_memory.h"
#include "cli/model_options.h"
#include "cli/overrides.h"
#include "config/load_train_config.h"
#include "log/error.h"
#include "train/device.h"

namespace infini {
namespace {

/// The options that stand for keys of a configuration. With --config these keys are changed by --set.
constexpr std::array kSizes = {"tokens",   "rows",  "segment-length", "heads",     "key-value-heads",
                               "head-dim", "width", "layers",         "vocab-size"};
constexpr int64_t kByteVocabulary = 256;

TrainConfig config_of_sizes(const cxxopts::ParseResult& arguments) {
  TrainConfig config;
  config.train_length = positive(arguments, "tokens");
  config.batch_rows = positive(arguments, "rows");
  ModelConfig& model = config.model;
  model.memory.segment_length = positive(arguments, "segment-length");
  model.num_attention_heads = positive(arguments, "heads");
  model.num_key_value_heads =
      arguments.count("key-value-heads") > 0 ? positive(arguments, "key-value-heads") : model.num_attention_heads;
  model.head_dim = positive(arguments, "head-dim");
  model.hidden_size = positive(arguments, "width");
  model.intermediate_size = 4 * model.hidden_size;
  model.num_hidden_layers = positive(arguments, "layers");
  model.vocab_size = positive(arguments, "vocab-size");
  model.memory.update = "linear";
  config.segments_per_chunk = (config.train_length + model.memory.segment_length - 1) / model.memory.segment_length;
  return config;
}

TrainConfig config_of_file(const cxxopts::ParseResult& arguments, const std::vector<std::string>& overrides) {
  for (const char* size : kSizes) {
    if (arguments.count(size) == 0) continue;
    throw UserError("--" + std::string(size) + " and --config exclude each other; change the configuration's value " +
                    "with --set, such as --set train_length=8192");
  }
  TrainConfig config = load_train_config(arguments["config"].as<std::string>(), overrides);
  // The tokenizer of the data decides the size then, but no data is read here.
  if (config.model.vocab_size == 0) config.model.vocab_size = kByteVocabulary;
  return config;
}

std::vector<std::string> chosen_updates(const cxxopts::ParseResult& arguments, const ModelConfig& model) {
  if (arguments.count("update") == 0) {
    return arguments.count("config") > 0 ? std::vector{model.memory.update}
                                         : std::vector<std::string>{"linear", "delta"};
  }
  auto updates = arguments["update"].as<std::vector<std::string>>();
  for (const std::string& update : updates) {
    if (update != "linear" && update != "delta" && update != "none") {
      throw UserError("--update must be linear, delta or none, or some of them with commas, but has '" + update + "'");
    }
    if (update != "none" && model.memory.segment_length == 0) {
      throw UserError("--update " + update + " needs segments, but the configuration has none; give --set " +
                      "model.memory.segment_length=2048");
    }
  }
  return updates;
}

torch::Dtype chosen_dtype(const cxxopts::ParseResult& arguments, const TrainConfig& config, bool training_step) {
  std::string name = choose_device(config.device).is_cpu() ? "float32" : "bfloat16";
  if (arguments.count("config") > 0) name = config.precision;
  if (arguments.count("dtype") > 0) name = arguments["dtype"].as<std::string>();
  if (name == "float32") return torch::kFloat32;
  if (name == "bfloat16") return torch::kBFloat16;
  if (name != "float16") throw UserError("--dtype must be float32, bfloat16 or float16, but is '" + name + "'");
  if (training_step)
    throw UserError("--dtype float16 is for attention alone, which training does not use; add --only attention");
  return torch::kFloat16;
}

}  // namespace

int run_bench(int argc, char** argv) {
  cxxopts::Options options(
      "infini bench",
      "Times infini::attention and a training step on made-up numbers, against the peak that the device itself reaches "
      "in a large matrix product and a large copy.\nCounted are the products that the equations ask for (causal "
      "attention inside segments, retrieval, update; a backward pass twice), and the bytes of all inputs and outputs "
      "moved once.\n");
  options.custom_help("[OPTION...] [--set key=value]...");
  const auto number = [](const char* value) { return cxxopts::value<int64_t>()->default_value(value); };
  // clang-format off
  options.add_options()
      ("config", "take all sizes from a configuration; one chunk of it is what attention is timed on",
       cxxopts::value<std::string>(), "FILE")
      ("set", "another value for a key of --config; may be given often", cxxopts::value<std::string>(), "KEY=VALUE")
      ("tokens", "tokens of a sequence", number("8192"), "N")
      ("rows", "sequences", number("1"), "N")
      ("segment-length", "tokens of a segment", number("2048"), "N")
      ("heads", "query heads", number("8"), "N")
      ("key-value-heads", "key/value heads (default: as many as query heads)", cxxopts::value<int64_t>(), "N")
      ("head-dim", "width of a head", number("128"), "N")
      ("width", "of the model; four times that in its feed-forward", number("512"), "N")
      ("layers", "of the model", number("2"), "N")
      ("vocab-size", "of the model; with --config 256 where that leaves it to its data", number("256"), "N")
      ("update", "linear, delta, none, or some of them (default: linear,delta; or the configuration's)",
       cxxopts::value<std::vector<std::string>>(), "NAMES")
      ("dtype", "float32, bfloat16 or float16 (default: bfloat16 on a GPU, float32 on the CPU; or the configuration's)",
       cxxopts::value<std::string>(), "NAME")
      ("only", "attention or step: leave the other one out", cxxopts::value<std::string>(), "WHAT")
      ("device", "auto, cpu, cuda or cuda:1 (default: auto, CUDA where there is one; or the configuration's)", cxxopts::value<std::string>(), "NAME")
      ("threads", kThreadsHelp, number("0"), "N")
      ("rounds", "how often each is timed; the median counts", number("5"), "N")
      ("json", "print JSON")
      ("h,help", "print this help");
  // clang-format on
  std::vector<char*> words(argv, argv + argc);
  const std::vector<std::string> overrides = take_overrides(argc, words);
  const cxxopts::ParseResult arguments = options.parse(argc, words.data());
  if (arguments.count("help") > 0) {
    std::cout << options.help()
              << "\nExamples: infini bench\n"
                 "          infini bench --config configs/pg19.yaml --set batch_rows=1 --set accumulation=1\n"
                 "          infini bench --only attention --tokens 32768 --dtype bfloat16 --update delta --json\n";
    return 0;
  }
  if (!arguments.unmatched().empty()) {
    throw UserError("bench takes no argument, got '" + arguments.unmatched().front() + "'; see infini bench --help");
  }
  const bool has_config = arguments.count("config") > 0;
  if (!overrides.empty() && !has_config) throw UserError("--set changes a key of --config, which is missing");

  BenchOptions bench;
  const std::string only = arguments.count("only") > 0 ? arguments["only"].as<std::string>() : "";
  if (!only.empty() && only != "attention" && only != "step") {
    throw UserError("--only must be attention or step, but is '" + only + "'");
  }
  bench.attention = only != "step";
  bench.training_step = only != "attention";
  bench.rounds = positive(arguments, "rounds");
  bench.config = has_config ? config_of_file(arguments, overrides) : config_of_sizes(arguments);
  if (arguments.count("device") > 0) bench.config.device = arguments["device"].as<std::string>();
  if (arguments.count("threads") > 0) bench.config.threads = arguments["threads"].as<int64_t>();
  if (bench.config.threads < 0) {
    throw UserError("--threads must be 0 (one a usable core) or more, but is " + std::to_string(bench.config.threads));
  }
  bench.updates = chosen_updates(arguments, bench.config.model);
  bench.dtype = chosen_dtype(arguments, bench.config, bench.training_step);

  keep_freed_memory();
  const BenchResult result = measure_speed(bench);
  std::cout << (arguments.count("json") > 0 ? to_json(result).dump(2) + "\n" : to_text(result)) << std::flush;
  return 0;
}

}  // namespace infini
