#include "io/run_checkpoints.h"

#include <charconv>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"
#include "io/json_file.h"
#include "io/json_object.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBest = "best.json";
constexpr const char* kCheckpoints = "checkpoints";

/// The number N in a name of the form PREFIX N SUFFIX.
std::optional<int64_t> step_of(const std::string& name, std::string_view prefix, std::string_view suffix) {
  if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) {
    return std::nullopt;
  }
  int64_t step = 0;
  const char* const end = name.data() + name.size() - suffix.size();
  const auto [last, error] = std::from_chars(name.data() + prefix.size(), end, step);
  if (error != std::errc() || last != end || step < 0) return std::nullopt;
  return step;
}

}  // namespace

std::optional<BestCheckpoint> read_best(const fs::path& run_folder) {
  const fs::path file = run_folder / kBest;
  if (!fs::exists(file)) return std::nullopt;
  const nlohmann::json content = read_json(file);
  const JsonObject json(content, file.string());
  return BestCheckpoint{json.get<int64_t>("step"), json.get<std::string>("metric"), json.get<double>("value")};
}

void set_best(const fs::path& run_folder, const std::optional<BestCheckpoint>& best) {
  const fs::path file = run_folder / kBest;
  if (best) {
    write_json(file, {{"step", best->step}, {"metric", best->metric}, {"value", best->value}});
  } else {
    fs::remove(file);
  }
}

std::map<int64_t, fs::path> checkpoints_in(const fs::path& checkpoints_folder) {
  std::map<int64_t, fs::path> found;
  if (!fs::is_directory(checkpoints_folder)) return found;
  for (const auto& entry : fs::directory_iterator(checkpoints_folder)) {
    const std::optional<int64_t> step = step_of(entry.path().filename().string(), "step-", "");
    if (step && entry.is_directory()) found.emplace(*step, entry.path());
  }
  return found;
}

void remove_old_checkpoints(const fs::path& checkpoints_folder, int64_t keep_last, std::optional<int64_t> keep_step) {
  if (!fs::is_directory(checkpoints_folder)) return;
  std::vector<fs::path> partial;
  for (const auto& entry : fs::directory_iterator(checkpoints_folder)) {
    if (step_of(entry.path().filename().string(), ".step-", ".partial")) partial.push_back(entry.path());
  }
  for (const fs::path& folder : partial) fs::remove_all(folder);

  const std::map<int64_t, fs::path> found = checkpoints_in(checkpoints_folder);
  int64_t surplus = static_cast<int64_t>(found.size()) - keep_last;
  for (auto old = found.begin(); surplus > 0; ++old, --surplus) {
    if (old->first == keep_step) continue;
    // Rename first: a half-removed folder must not look like a checkpoint.
    const fs::path doomed = partial_path(old->second);
    fs::rename(old->second, doomed);
    fs::remove_all(doomed);
  }
}

fs::path checkpoint_of(const fs::path& checkpoint_or_run) {
  const fs::path checkpoints = checkpoint_or_run / kCheckpoints;
  if (!fs::is_directory(checkpoints)) return checkpoint_or_run;
  const std::map<int64_t, fs::path> found = checkpoints_in(checkpoints);
  if (found.empty()) throw UserError("the run " + checkpoint_or_run.string() + " has no checkpoint yet");
  const std::optional<BestCheckpoint> best = read_best(checkpoint_or_run);
  if (best && found.contains(best->step)) return found.at(best->step);
  return found.rbegin()->second;
}

}  // namespace infini
