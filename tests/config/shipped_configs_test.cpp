#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "config/temporary_config.h"
#include "model/model_size.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const std::filesystem::path kFolder = std::filesystem::path(INFINI_SOURCE_FOLDER) / "configs";

std::set<std::string> shipped() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.is_regular_file()) names.insert(entry.path().stem());  // table2_configs_test.cpp has the folder's
  }
  return names;
}

TEST(ShippedConfigs, AreAllThere) {
  const std::set<std::string> names = shipped();
  for (const std::string set : {"pg19", "arxiv_math"}) {
    for (const char* const kind : {"", "_delta", "_100k", "_100k_delta", "_small", "_small_delta", "_small_local"}) {
      EXPECT_TRUE(names.contains(set + kind)) << set << kind;
    }
  }
  for (const char* const name : {"passkey", "passkey_delta", "passkey_small", "passkey_small_delta"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_TRUE(names.contains("quickstart"));
}

TEST(ShippedConfigs, LoadAndSayHowTheyAreRun) {
  for (const std::string& name : shipped()) {
    const std::filesystem::path file = kFolder / (name + ".yaml");
    const TrainConfig config = load_train_config(file, {});
    EXPECT_EQ(config.name, name);
    EXPECT_EQ(config.model.vocab_size, 0) << name << ": the data's";
    std::string first, second, third;
    std::ifstream stream(file);
    std::getline(stream, first);
    std::getline(stream, second);
    std::getline(stream, third);
    EXPECT_EQ(first.substr(0, 2), "# ") << name;
    if (config.data.path.empty()) {  // the task makes its own text
      EXPECT_THAT(second, HasSubstr("infini train configs/" + name + ".yaml")) << name;
      EXPECT_THAT(third, HasSubstr("infini passkey --checkpoint runs/" + name + "/")) << name;
      continue;
    }
    EXPECT_THAT(second, HasSubstr("infini prepare --source data/")) << name;
    EXPECT_THAT(second, HasSubstr("--out " + config.data.path.string() + " ")) << name;
    EXPECT_THAT(third, HasSubstr("infini train configs/" + name + ".yaml")) << name;
  }
}

TEST(ShippedConfigs, OfThePaperHaveItsModelAndHyperparameters) {
  for (const std::string& name : shipped()) {
    if (name == "quickstart" || name.starts_with("passkey") || name.find("_small") != std::string::npos) continue;
    const TrainConfig config = load_train_config(kFolder / (name + ".yaml"), {});
    ModelConfig model = config.model;
    model.vocab_size = 1;  // decided by the data
    EXPECT_EQ(memory_size(model), 1585152) << name << ": the floats of memory in Table 1";
    EXPECT_EQ(config.model.memory.segment_length, 2048) << name;
    EXPECT_EQ(config.model.memory.update, name.ends_with("_delta") ? "delta" : "linear") << name;
    EXPECT_EQ(config.train_length, name.find("_100k") != std::string::npos ? 102400 : 32768) << name;
    EXPECT_EQ(config.model.num_hidden_layers, 12) << name;
    EXPECT_EQ(config.model.hidden_size, 1024) << name;
    EXPECT_EQ(config.model.intermediate_size, 4096) << name;
    EXPECT_EQ(config.optimizer.name, "adafactor") << name;
    EXPECT_EQ(config.optimizer.learning_rate, 0.01) << name;
    EXPECT_EQ(config.schedule.warmup_steps, 1000) << name;
    EXPECT_EQ(config.batch_rows * config.accumulation, 64) << name;
  }
}

/// The lines of `yaml` that are not in `other`.
std::vector<std::string> lines_of_its_own(const std::string& yaml, const std::string& other) {
  const auto lines = [](const std::string& text) {
    std::istringstream stream(text);
    std::multiset<std::string> all;
    for (std::string line; std::getline(stream, line);) all.insert(line);
    return all;
  };
  const std::multiset<std::string> ours = lines(yaml), theirs = lines(other);
  std::vector<std::string> own;
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(own));
  return own;
}

TEST(ShippedConfigs, DifferFromTheirBaseInWhatTheySayAlone) {
  const auto differences = [](const std::string& name, const std::string& base) {
    const auto yaml = [](const std::string& of) { return to_yaml(load_train_config(kFolder / (of + ".yaml"), {})); };
    return lines_of_its_own(yaml(name), yaml(base));
  };
  const auto name = [](const std::string& of) { return "name: " + of; };
  const auto path = [](const std::string& of) {
    return "  path: " + (std::filesystem::current_path() / "data" / of).string();
  };
  const std::string delta = "    update: delta", beta = "  initial_beta: -1.5";
  EXPECT_THAT(differences("pg19_delta", "pg19"), UnorderedElementsAre(name("pg19_delta"), delta));
  EXPECT_THAT(differences("pg19_100k", "pg19"),
              UnorderedElementsAre(name("pg19_100k"), "train_length: 102400", "batch_rows: 4", "accumulation: 16"));
  EXPECT_THAT(differences("pg19_small_delta", "pg19_small"),
              UnorderedElementsAre(name("pg19_small_delta"), delta, beta));
  EXPECT_THAT(differences("passkey_small_delta", "passkey_small"),
              UnorderedElementsAre(name("passkey_small_delta"), delta));
  EXPECT_THAT(differences("arxiv_math_small", "pg19_small"),
              UnorderedElementsAre(name("arxiv_math_small"), path("arxiv-math-bytes"), "steps: 700", "  every: 175",
                                   "  every: 175"));
  for (const std::string kind : {"", "_delta", "_100k", "_100k_delta"}) {
    EXPECT_THAT(differences("arxiv_math" + kind, "pg19" + kind),
                UnorderedElementsAre(name("arxiv_math" + kind), path("arxiv-math-tokens")));
  }
}

TEST(ShippedConfigs, ThatAreComparedDifferInTheirMemoryAlone) {
  for (const std::string set : {"pg19_small", "arxiv_math_small"}) {
    const TrainConfig linear = load_train_config(kFolder / (set + ".yaml"), {});
    for (const char* const kind : {"_delta", "_local"}) {
      TrainConfig other = load_train_config(kFolder / (set + kind + ".yaml"), {});
      EXPECT_NE(other.model.memory.update, linear.model.memory.update);
      other.name = linear.name;
      other.model.memory.update = linear.model.memory.update;
      other.gate = linear.gate;
      EXPECT_EQ(to_yaml(other), to_yaml(linear));
    }
  }
}

}  // namespace
}  // namespace infini
