#include "train/tensorboard_writer.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <string>

#include "train/tensorboard_event.h"

namespace infini {
namespace {

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// TensorBoard expects this form of name, and reads the files of a folder in the order of their names.
std::filesystem::path new_event_file(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, HOST_NAME_MAX);
  const std::string stem =
      "events.out.tfevents." + std::to_string(static_cast<int64_t>(wall_time())) + "." + host + ".";
  return folder / (stem + std::to_string(getpid()) + ".0");
}

void add_heads(tensorboard::Scalars& scalars, const std::string& name, const std::vector<std::vector<double>>& values) {
  for (size_t layer = 0; layer < values.size(); ++layer) {
    for (size_t head = 0; head < values[layer].size(); ++head) {
      scalars.emplace_back(name + "/layer " + std::to_string(layer) + " head " + std::to_string(head),
                           values[layer][head]);
    }
  }
}

/// "answer_loss" becomes "train/answer loss".
void add_metrics(tensorboard::Scalars& scalars, const std::string& split, const Metrics& metrics) {
  for (const auto& [name, value] : metrics.items()) {
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    scalars.emplace_back(split + "/" + words, value.get<double>());
  }
}

}  // namespace

TensorboardWriter::TensorboardWriter(const std::filesystem::path& folder, int64_t first_step)
    : file_(new_event_file(folder)) {
  const double now = wall_time();
  file_.append(tensorboard::record(tensorboard::file_version(now)) +
               tensorboard::record(tensorboard::session_start(now, first_step)));
}

void TensorboardWriter::write(const StepMetrics& metrics) {
  tensorboard::Scalars scalars{
      {"train/loss", metrics.loss},
      {"train/learning rate", metrics.learning_rate},
      {"train/gradient norm", metrics.gradient_norm},
      {"train/skipped steps", static_cast<double>(metrics.skipped_steps)},
      {"machine/tokens per second", metrics.tokens_per_second},
      {"machine/peak memory bytes", static_cast<double>(metrics.peak_memory_bytes)},
      {"data/padding share", metrics.padding_share},
  };
  add_heads(scalars, "gate", metrics.gates);
  add_heads(scalars, "memory share", metrics.memory_share);
  add_metrics(scalars, "train", metrics.objective);
  if (metrics.validation) add_metrics(scalars, "validation", *metrics.validation);
  file_.append(tensorboard::record(tensorboard::scalar_summary(wall_time(), metrics.step, scalars)));
}

}  // namespace infini
