#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "config/temporary_config.h"
#include "model/model_size.h"

namespace infini {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kFolder = std::filesystem::path(INFINI_SOURCE_FOLDER) / "configs" / "table2";
const std::filesystem::path kSmallFolder = std::filesystem::path(INFINI_SOURCE_FOLDER) / "configs" / "table2_small";

/// The rows that a folder's rows.txt names.
std::vector<std::string> planned_rows(const std::filesystem::path& folder) {
  std::ifstream stream(folder / "rows.txt");
  std::vector<std::string> rows;
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with('#')) rows.push_back(line.substr(0, line.find(' ')));
  }
  return rows;
}

/// The rows that both data sets have, and their kind of memory.
const std::map<std::string, std::string> kKinds = {
    {"infini_linear", "infini"},
    {"infini_delta", "infini"},
    {"local", "infini"},
    {"transformer_xl", "transformer_xl"},
    {"compressive", "compressive"},
    {"memorizing", "memorizing"},
    {"rmt", "rmt"},
    {"autocompressors", "autocompressors"},
};

TrainConfig load_row(const std::string& name) { return load_train_config(kFolder / (name + ".yaml"), {}); }

std::vector<std::string> all_rows() {
  std::vector<std::string> names = {"arxiv_math_infini_linear_100k", "arxiv_math_infini_delta_100k"};
  for (const auto& [row, kind] : kKinds) {
    for (const char* const set : {"pg19_", "arxiv_math_"}) names.push_back(set + row);
  }
  return names;
}

TEST(Table2Configs, AreTheseAndTheirBasesAlone) {
  std::vector<std::string> expected = all_rows(), found;
  for (const char* const base : {"base", "pg19", "arxiv_math"}) expected.push_back(base);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem());
  }
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
}

TEST(Table2Configs, ArePlannedAllOfThem) {
  EXPECT_THAT(planned_rows(kFolder), ::testing::UnorderedElementsAreArray(all_rows()));
}

TEST(SmallTable2Configs, AreAsLargeAsEachOtherAndReadAsManyTokens) {
  const std::vector<std::string> rows = planned_rows(kSmallFolder);
  EXPECT_EQ(rows.size(), 21);
  for (const std::string& row : rows) {
    TrainConfig config = load_train_config(kSmallFolder / (row + ".yaml"), {});
    EXPECT_EQ(config.name, row);
    config.model.vocab_size = 4000;
    EXPECT_NEAR(static_cast<double>(parameter_count(config.model)), 2.54e6, 0.02 * 2.54e6) << row;
    // Mixture-of-Depths is compared at as many operations, not tokens.
    if (config.model.depth.capacity < 1) continue;
    const int64_t tokens = config.steps * config.batch_rows * config.train_length;
    const double expected = row.starts_with("books") ? 4.1e6 : 2.05e6;
    EXPECT_NEAR(static_cast<double>(tokens), expected, 0.02 * expected) << row;
  }
}

TEST(Table2Configs, SayHowTheyAreRun) {
  for (const std::string& name : all_rows()) {
    const TrainConfig config = load_row(name);
    EXPECT_EQ(config.name, name);
    std::ifstream stream(kFolder / (name + ".yaml"));
    std::string first, second, third;
    std::getline(stream, first);
    std::getline(stream, second);
    std::getline(stream, third);
    EXPECT_EQ(first.substr(0, 2), "# ") << name;
    EXPECT_THAT(second, HasSubstr("--out " + config.data.path.string() + " ")) << name;
    EXPECT_EQ(third, "# infini train configs/table2/" + name + ".yaml");
  }
}

TEST(Table2Configs, HaveTheHyperparametersOfThePaper) {
  for (const std::string& name : all_rows()) {
    const TrainConfig config = load_row(name);
    EXPECT_EQ(config.model.hidden_size, 1024) << name;
    EXPECT_EQ(config.model.num_hidden_layers, 12) << name;
    EXPECT_EQ(config.model.num_attention_heads, 8) << name;
    EXPECT_EQ(config.model.head_dim, 128) << name;
    EXPECT_EQ(config.model.memory.segment_length, 2048) << name;
    EXPECT_EQ(config.optimizer.name, "adafactor") << name;
    EXPECT_EQ(config.optimizer.learning_rate, 0.01) << name;
    EXPECT_EQ(config.schedule.warmup_steps, 1000) << name;
    EXPECT_EQ(config.batch_rows * config.accumulation, 64) << name;
    const int64_t length = name.ends_with("_100k") ? 102400 : name.ends_with("_rmt") ? 8192 : 32768;
    EXPECT_EQ(config.train_length, length) << name;
  }
}

TEST(Table2Configs, HaveTheirKindOfMemory) {
  for (const auto& [row, kind] : kKinds) {
    const MemoryConfig memory = load_row("pg19_" + row).model.memory;
    EXPECT_EQ(memory.kind, kind) << row;
    const std::string update = row == "infini_linear" ? "linear" : row == "infini_delta" ? "delta" : "none";
    EXPECT_EQ(memory.update, update) << row;
  }
}

TEST(Table2Configs, OfTheTwoDataSetsDifferInTheirDataAlone) {
  for (const auto& [row, kind] : kKinds) {
    const TrainConfig books = load_row("pg19_" + row);
    TrainConfig papers = load_row("arxiv_math_" + row);
    EXPECT_NE(papers.data.path, books.data.path) << row;
    papers.name = books.name;
    papers.data = books.data;
    EXPECT_EQ(to_yaml(papers), to_yaml(books)) << row;
  }
}

TEST(Table2Configs, HaveAsManyParametersWithinTwoPercent) {
  const auto parameters = [](const std::string& row) {
    ModelConfig model = load_row("pg19_" + row).model;
    model.vocab_size = 32000;
    return static_cast<double>(parameter_count(model));
  };
  const double local = parameters("local");
  for (const auto& [row, kind] : kKinds) EXPECT_LT(std::abs(parameters(row) / local - 1), 0.02) << row;
}

}  // namespace
}  // namespace infini
