#include "train/metrics_writer.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "log/log.h"

namespace infini {
namespace {

std::filesystem::path keep_until(const std::filesystem::path& file, int64_t last_step) {
  std::ifstream input(file, std::ios::binary);
  std::string kept, line;
  // If getline reaches the end of the file, the last line has no line end: it was only half written.
  while (std::getline(input, line) && !input.eof()) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) {
      log::warn(file.string() + ": a line that is no record of a step was left out");
      continue;
    }
    if (json["step"].get<int64_t>() <= last_step) kept += line + '\n';
  }
  write_file(file, kept);
  return file;
}

}  // namespace

MetricsWriter::MetricsWriter(const std::filesystem::path& file, int64_t last_step)
    : file_(keep_until(file, last_step)) {}

void MetricsWriter::write(const nlohmann::ordered_json& record) { file_.append(record.dump() + '\n'); }

nlohmann::ordered_json metrics_record(const StepMetrics& metrics) {
  nlohmann::ordered_json json{
      {"step", metrics.step},
      {"tokens", metrics.tokens},
      {"loss", metrics.loss},
      {"learning_rate", metrics.learning_rate},
      {"gradient_norm", metrics.gradient_norm},
      {"tokens_per_second", metrics.tokens_per_second},
      {"peak_memory_bytes", metrics.peak_memory_bytes},
      {"padding_share", metrics.padding_share},
      {"skipped", metrics.skipped},
      {"skipped_steps", metrics.skipped_steps},
  };
  if (metrics.auxiliary_loss) json["auxiliary_loss"] = *metrics.auxiliary_loss;
  json.update(metrics.objective);
  for (const Reading& reading : metrics.heads) json[reading.name] = reading.values;
  if (metrics.validation) json["validation"] = *metrics.validation;
  return json;
}

}  // namespace infini
