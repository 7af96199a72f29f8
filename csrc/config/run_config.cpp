#include "config/run_config.h"

#include <fstream>
#include <iterator>
#include <string>

#include "config/config_keys.h"
#include "config/load_train_config.h"
#include "config/to_yaml.h"
#include "io/atomic_file.h"
#include "log/error.h"
#include "log/log.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// Empty if there is no such file.
std::string text_of(const fs::path& file) {
  std::ifstream input(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
}

/// Both files have been written by to_yaml.
void warn_of_changes(const fs::path& before_file, const fs::path& now_file) {
  TrainConfig before, now;  // keys refer to fields that may be written to
  try {
    before = load_train_config(before_file, {});
    now = load_train_config(now_file, {});
  } catch (const UserError& error) {
    log::warn("the configuration that the run had before cannot be compared: " + std::string(error.what()));
    return;
  }
  const auto warn = [](std::string_view key, const std::string& old, const std::string& fresh) {
    log::warn(std::string(key) + " was " + old + " in this run so far; from here on it is " + fresh);
  };
  for (const ConfigKey& key : config_keys()) {
    const std::string old = field_text(key.field(before)), fresh = field_text(key.field(now));
    if (old != fresh) warn(key.path, old, fresh);
  }
  if (before.parameters != now.parameters) warn(kParametersKey, "another table", "that of config.yaml");
}

}  // namespace

void write_run_config(const fs::path& run_folder, const TrainConfig& config, int64_t steps_done) {
  const fs::path file = run_folder / "config.yaml";
  const fs::path kept = run_folder / ("config-until-step-" + std::to_string(steps_done) + ".yaml");
  const std::string yaml = to_yaml(config);
  const std::string before = text_of(file);
  const bool changed = steps_done > 0 && !before.empty() && before != yaml;
  // A start that did no step may have kept a file already. The steps were done with that one.
  if (changed && !fs::exists(kept)) write_file(kept, before);
  write_file(file, yaml);
  if (changed) warn_of_changes(kept, file);
}

}  // namespace infini
