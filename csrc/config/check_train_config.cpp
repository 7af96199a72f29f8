#include "config/check_train_config.h"

#include <algorithm>
#include <cctype>

#include "config/config_keys.h"
#include "model/memory_kinds.h"

namespace infini {
namespace {

bool is_device(const std::string& device) {
  if (device == "auto" || device == "cpu" || device == "cuda") return true;
  const std::string numbered = "cuda:";
  return device.starts_with(numbered) && device.size() > numbered.size() && device.size() < numbered.size() + 4 &&
         std::all_of(device.begin() + numbered.size(), device.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::optional<TrainConfigFault> find_model_fault(ModelConfig model) {
  model.vocab_size = std::max<int64_t>(model.vocab_size, 1);  // 0 means: decided by the data
  const std::optional<ConfigFault> fault = model.fault();
  if (!fault) return std::nullopt;
  return TrainConfigFault{{"model." + fault->key}, "model." + fault->key + " " + fault->message};
}

std::optional<TrainConfigFault> find_task_fault(const TrainConfig& config) {
  const auto stages_fault = [&](const char* key, size_t values) -> std::optional<TrainConfigFault> {
    const auto stages = static_cast<size_t>(stage_count(config.curriculum, config.memory_gain));
    if (values <= 1 || values == stages) return std::nullopt;
    return TrainConfigFault{{key, "curriculum.longest", "memory_gain.largest"},
                            std::string(key) + " must have one value, or as many as there are stages (" +
                                std::to_string(stages) + "), has " + std::to_string(values)};
  };
  if (auto fault = stages_fault("curriculum.shortest", config.curriculum.shortest.size())) return fault;
  if (auto fault = stages_fault("curriculum.longest", config.curriculum.longest.size())) return fault;
  if (auto fault = stages_fault("memory_gain.largest", config.memory_gain.largest.size())) return fault;
  const bool answers = config.early_stop.metric == "answer_loss" || config.early_stop.metric == "exact_match";
  if (!config.has_task()) {
    const auto wants_task = [](const char* key) {
      return TrainConfigFault{{key, "task.kind"},
                              std::string(key) + " belongs to a task; set task.kind, or leave it out"};
    };
    if (!config.curriculum.shortest.empty()) return wants_task("curriculum.shortest");
    if (!config.curriculum.longest.empty()) return wants_task("curriculum.longest");
    if (!config.memory_gain.largest.empty()) return wants_task("memory_gain.largest");
    if (answers) return wants_task("early_stop.metric");
  } else if (config.carry_memory) {
    return TrainConfigFault{{"carry_memory"},
                            "carry_memory must be false for a task: each example is a text of its own"};
  }
  for (int64_t number = 1; number <= stage_count(config.curriculum, config.memory_gain); ++number) {
    const auto [shortest, longest, gain] =
        stage_of(config.curriculum, config.memory_gain, number, config.segments_per_row());
    if (shortest <= longest) continue;
    return TrainConfigFault{{"curriculum.shortest", "curriculum.longest"},
                            "curriculum.shortest is " + std::to_string(shortest) + " segments in stage " +
                                std::to_string(number) + ", more than the longest sequence there, " +
                                std::to_string(longest) + " segments" +
                                (config.curriculum.longest.empty() ? " (all of train_length)" : "")};
  }
  if (config.early_stop.metric != "none" && config.validation.every == 0) {
    return TrainConfigFault{{"early_stop.metric", "validation.every"},
                            "early_stop.metric is read in validations, but validation.every is 0: set it to steps"};
  }
  return std::nullopt;
}

std::optional<TrainConfigFault> find_memory_fault(const TrainConfig& config) {
  const MemoryConfig& memory = config.model.memory;
  const MemoryKind& kind = find_memory_kind(memory.kind);
  const auto unfit = [&](const char* key) {
    return TrainConfigFault{
        {key, "model.memory.kind"},
        std::string(key) + " has no meaning for the model.memory.kind " + memory.kind + "; leave it out"};
  };
  if (!config.memory_gain.largest.empty() && !kind.has_gain) return unfit("memory_gain.largest");
  if (config.shortest_segment == 0) return std::nullopt;
  if (!kind.lengths_vary) return unfit("shortest_segment");
  if (config.shortest_segment <= memory.segment_length) return std::nullopt;
  return TrainConfigFault{{"shortest_segment", "model.memory.segment_length"},
                          "shortest_segment must be at most model.memory.segment_length (" +
                              std::to_string(memory.segment_length) + "), is " +
                              std::to_string(config.shortest_segment)};
}

std::optional<TrainConfigFault> find_length_fault(const TrainConfig& config) {
  const int64_t segment = config.model.memory.segment_length;
  if (segment == 0 || config.train_length % segment == 0) return std::nullopt;
  const int64_t below = config.train_length / segment * segment;
  const std::string would_do = (below > 0 ? std::to_string(below) + " or " : "") + std::to_string(below + segment);
  return TrainConfigFault{{"train_length", "model.memory.segment_length"},
                          "train_length must be a multiple of model.memory.segment_length (" + std::to_string(segment) +
                              "), is " + std::to_string(config.train_length) + "; " + would_do + " would do"};
}

}  // namespace

std::optional<TrainConfigFault> find_fault(const TrainConfig& config) {
  TrainConfig values = config;  // a copy, since keys refer to writable fields
  for (const ConfigKey& key : config_keys()) {
    const Field field = key.field(values);
    if (const std::optional<std::string> wanted = limit_fault(field, key.limits)) {
      return TrainConfigFault{{std::string(key.path)},
                              std::string(key.path) + " " + *wanted + ", is " + field_text(field)};
    }
  }
  if (!is_device(config.device)) {
    return TrainConfigFault{{"device"}, "device must be auto, cpu, cuda or cuda:N, is " + config.device};
  }
  if (config.name.empty() || config.name == "." || config.name == ".." || config.name.find('/') != std::string::npos) {
    return TrainConfigFault{{"name"}, "name must be the name of a folder in output_folder, is \"" + config.name + "\""};
  }
  if (config.output_folder.empty()) return TrainConfigFault{{"output_folder"}, "output_folder must not be empty"};
  if (config.data.path.empty() && (!config.has_task() || config.task.documents)) {
    return TrainConfigFault{{"data.path"}, "data.path is missing: the folder that infini prepare wrote"};
  }
  if (auto fault = find_task_fault(config)) return fault;
  if (auto fault = find_model_fault(config.model)) return fault;
  if (auto fault = find_memory_fault(config)) return fault;
  return find_length_fault(config);
}

}  // namespace infini
