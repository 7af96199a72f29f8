#include "train/tensorboard_writer.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cmath>
#include <iterator>
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

/// "answer_loss" becomes "answer loss".
std::string in_words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

/// A layer that has no such reading is left out.
void add_heads(tensorboard::Scalars& scalars, const Reading& reading) {
  for (size_t layer = 0; layer < reading.values.size(); ++layer) {
    const std::vector<double>& heads = reading.values[layer];
    for (size_t head = 0; head < heads.size(); ++head) {
      if (std::isnan(heads[head])) continue;
      scalars.emplace_back(in_words(reading.name) + "/layer " + std::to_string(layer) + " head " + std::to_string(head),
                           heads[head]);
    }
  }
}

/// The gates of all heads of all layers, from 0 to 1.
tensorboard::Histograms gate_histogram(const std::vector<Reading>& readings) {
  constexpr int64_t kBuckets = 20;
  std::vector<double> gates;
  for (const Reading& reading : readings) {
    if (reading.name != "gates") continue;
    for (const std::vector<double>& heads : reading.values) {
      std::copy_if(heads.begin(), heads.end(), std::back_inserter(gates),
                   [](double gate) { return !std::isnan(gate); });
    }
  }
  if (gates.empty()) return {};
  return {{"gates/all heads", tensorboard::histogram_of(gates, 0, 1, kBuckets)}};
}

void add_metrics(tensorboard::Scalars& scalars, const std::string& split, const Metrics& metrics) {
  for (const auto& [name, value] : metrics.items()) {
    scalars.emplace_back(split + "/" + in_words(name), value.get<double>());
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
  if (metrics.auxiliary_loss) scalars.emplace_back("train/auxiliary loss", *metrics.auxiliary_loss);
  for (const Reading& reading : metrics.heads) add_heads(scalars, reading);
  add_metrics(scalars, "train", metrics.objective);
  if (metrics.validation) add_metrics(scalars, "validation", *metrics.validation);
  file_.append(
      tensorboard::record(tensorboard::summary(wall_time(), metrics.step, scalars, gate_histogram(metrics.heads))));
}

}  // namespace infini
