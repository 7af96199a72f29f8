#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/dataset_description.h"
#include "data/shard.h"
#include "io/temporary_folder.h"
#include "text/tokenizer.h"
#include "train/train_config.h"
#include "train/trainer.h"

namespace infini::testing {

inline std::vector<int32_t> made_up_text(int64_t length, int64_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < length; ++i)
    ids.push_back(static_cast<int32_t>('a' + (i * i + 3 * seed + i / (seed + 2)) % 20));
  return ids;
}

/// Writes a split with documents of these lengths, and returns its description.
inline SplitDescription write_split(const std::filesystem::path& data_folder, const std::string& name,
                                    const std::vector<int64_t>& lengths) {
  std::filesystem::create_directories(data_folder / name);
  ShardWriter writer(1);
  SplitDescription split{.name = name, .shards = 1};
  for (const int64_t length : lengths) {
    writer.begin(0);
    writer.append(made_up_text(length, split.documents));
    writer.end(length, length / 5);
    ++split.documents;
    split.tokens += length + 1;
    split.bytes += length;
    split.words += length / 5;
  }
  writer.write(shard_file(data_folder / name, 0), split.documents, 0);
  return split;
}

/// A data folder of bytes, like one from `infini prepare`.
inline void write_tiny_data(const std::filesystem::path& data_folder,
                            const std::vector<int64_t>& lengths = {90, 41, 200, 17, 64, 130}) {
  DatasetDescription description;
  description.tokenizer = "bytes";
  description.vocab_size = 256;
  description.splits = {write_split(data_folder, "train", lengths), write_split(data_folder, "validation", {50, 37})};
  save_tokenizer(*make_byte_tokenizer(), data_folder);
  write_dataset_description(data_folder, description);
}

/// Six steps of a model with a few thousand parameters, and a checkpoint every second step.
inline TrainConfig tiny_config(const std::filesystem::path& folder) {
  TrainConfig config;
  config.name = "tiny";
  config.output_folder = folder / "runs";
  config.data.path = folder / "data";
  config.device = "cpu";
  config.threads = 1;
  config.seed = 5;
  config.steps = 6;
  config.train_length = 32;
  config.batch_rows = 2;
  config.segments_per_chunk = 2;
  config.model.vocab_size = 0;
  config.model.hidden_size = 16;
  config.model.intermediate_size = 24;
  config.model.num_hidden_layers = 2;
  config.model.num_attention_heads = 2;
  config.model.num_key_value_heads = 1;
  config.model.head_dim = 8;
  config.model.memory = {8, "delta"};
  config.optimizer.learning_rate = 1e-2;
  config.schedule.warmup_steps = 2;
  config.checkpoint = {.every = 2, .keep_last = 10};
  config.logging = {.every = 1, .gates_every = 3};
  config.validation = {.every = 3, .tokens = 60};
  return config;
}

/// Runs in their own folder, on their own data.
class TinyRuns {
 public:
  TinyRuns() : config(tiny_config(folder_.path())) { write_tiny_data(config.data.path); }

  /// A task instead of documents, with a new stage every two steps. Validations count its answers.
  void learn(const std::string& task) {
    config.task.kind = task;
    config.task.digits = 3;
    config.train_length = 160;
    config.curriculum.shortest = {14};
    config.curriculum.longest = {14, 16, 20};
    config.curriculum.until_loss = 0;
    config.curriculum.stage_steps = 2;
    config.memory_gain.largest = {1, 4, 16};
  }

  /// Steps change no weight.
  void stand_still() {
    config.optimizer.learning_rate = 0;
    config.parameters.clear();
  }

  TrainingOutcome train(bool resume = false) const { return trainer(resume)->run(); }
  std::unique_ptr<Trainer> trainer(bool resume = false) const { return std::make_unique<Trainer>(config, resume); }
  std::filesystem::path run_folder() const { return config.output_folder / config.name; }
  std::filesystem::path checkpoint(int64_t step) const {
    return run_folder() / "checkpoints" / ("step-" + std::to_string(step));
  }
  std::string weights(int64_t step) const { return read_text(checkpoint(step) / "model.safetensors"); }

  std::vector<nlohmann::json> metrics() const {
    std::istringstream lines(read_text(run_folder() / "metrics.jsonl"));
    std::vector<nlohmann::json> metrics;
    for (std::string line; std::getline(lines, line);) metrics.push_back(nlohmann::json::parse(line));
    return metrics;
  }

 private:
  TemporaryFolder folder_;

 public:
  TrainConfig config;
};

}  // namespace infini::testing
