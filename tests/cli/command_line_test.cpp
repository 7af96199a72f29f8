// Runs the built program as a person would: exit codes, and one line for what is wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "text/lossy_model.h"

namespace infini {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

struct Outcome {
  int exit_code;
  std::string output;
  std::string errors;
};

std::string contents(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// `before` stands before the program: variables, or a program that starts it.
Outcome run_with(const std::string& before, const std::string& arguments, const std::string& input = "/dev/null") {
  const std::filesystem::path folder = ::testing::TempDir();
  const std::string output = folder / "infini-output";
  const std::string errors = folder / "infini-errors";
  const int status = std::system(
      (before + " '" INFINI_PROGRAM "' " + arguments + " < '" + input + "' > '" + output + "' 2> '" + errors + "'")
          .c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(output), contents(errors)};
}

Outcome run(const std::string& arguments, const std::string& input = "/dev/null") {
  return run_with("", arguments, input);
}

/// A refusal: exit code 2, nothing on standard output, one line on standard error.
void expect_refusal(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.output, "");
  EXPECT_THAT(outcome.errors, StartsWith("infini: "));
  EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
}

class EachVerb : public ::testing::TestWithParam<const char*> {};

TEST_P(EachVerb, PrintsItsOptionsAndAnExample) {
  const std::string verb = GetParam();
  const Outcome outcome = run(verb + " --help");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.errors, "");
  EXPECT_THAT(outcome.output, HasSubstr("infini " + verb + " "));
  EXPECT_THAT(outcome.output, HasSubstr("xample"));
}

TEST_P(EachVerb, IsListedInTheHelpOfAll) {
  EXPECT_THAT(run("--help").output, HasSubstr(std::string("\n  ") + GetParam()));
}

TEST_P(EachVerb, RefusesAnOptionThatDoesNotExistAndNamesIt) {
  const std::string verb = GetParam();
  const Outcome outcome = run(verb + " --no-such-option");
  expect_refusal(outcome);
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("no-such-option"), HasSubstr("infini " + verb + " --help")));
}

INSTANTIATE_TEST_SUITE_P(CommandLine, EachVerb,
                         ::testing::Values("prepare", "train", "eval", "passkey", "score", "generate", "memory",
                                           "tables", "report", "bench", "info"),
                         [](const auto& verb) { return std::string(verb.param); });

TEST(CommandLine, SuggestsTheNearestVerb) {
  const Outcome outcome = run("trian");
  expect_refusal(outcome);
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("'trian'"), HasSubstr("did you mean 'train'?")));
  EXPECT_THAT(run("inof").errors, HasSubstr("did you mean 'info'?"));
}

TEST(CommandLine, NamesTheOptionWhoseValueIsMissing) {
  const Outcome outcome = run("eval --checkpoint");
  expect_refusal(outcome);
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("checkpoint"), HasSubstr("infini eval --help")));
}

TEST(CommandLine, NamesTheOptionWhoseValueIsNoNumber) {
  for (const char* spelling : {"--max-new-tokens many", "--max-new-tokens=many"}) {
    const Outcome outcome = run(std::string("generate --prompt x --checkpoint y ") + spelling);
    expect_refusal(outcome);
    EXPECT_THAT(outcome.errors, AllOf(HasSubstr("--max-new-tokens"), HasSubstr("many")));
  }
}

TEST(CommandLine, WithoutAVerbShowsTheHelpAndFails) {
  const Outcome outcome = run("");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output + outcome.errors, HasSubstr("infini VERB --help"));
}

TEST(CommandLine, PrintsItsVersion) {
  const Outcome outcome = run("--version");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, MatchesRegex("infini [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, NamesTheMissingFolderOfACheckpoint) {
  const Outcome outcome = run("score --checkpoint /no/such/folder --ids /dev/null --out /tmp/unused");
  expect_refusal(outcome);
  EXPECT_THAT(outcome.errors, HasSubstr("/no/such/folder"));
}

TEST(CommandLine, RefusesAnOutputThatIsADeviceOrTheInput) {
  const Outcome device = run("score --checkpoint c --ids ids.txt --out /dev/null");
  expect_refusal(device);
  EXPECT_THAT(device.errors, HasSubstr("--out /dev/null: it is a device"));
  const std::filesystem::path ids = std::filesystem::path(::testing::TempDir()) / "infini-ids";
  std::ofstream(ids) << "1 2 3";
  const Outcome input = run("score --checkpoint c --ids " + ids.string() + " --out " + ids.string());
  expect_refusal(input);
  EXPECT_THAT(input.errors, HasSubstr("it is the input"));
  EXPECT_EQ(contents(ids), "1 2 3");
}

TEST(CommandLine, FailsWhereItsOutputCannotBeWritten) {
  const int status = std::system("'" INFINI_PROGRAM "' --help > /dev/full 2> /dev/null");
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

TEST(CommandLine, NamesTheMissingConfiguration) {
  const Outcome outcome = run("train /no/such/config.yaml");
  expect_refusal(outcome);
  EXPECT_THAT(outcome.errors, HasSubstr("/no/such/config.yaml"));
}

TEST(Info, ListsEveryPublicOpWithItsKernelsAsJson) {
  const Outcome outcome = run("info --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto info = nlohmann::json::parse(outcome.output);
  for (const char* op : {"memory_retrieve", "memory_update", "memory_combine", "memory_summary", "attention"}) {
    EXPECT_THAT(info["ops"][op].get<std::vector<std::string>>(), ::testing::IsSupersetOf({"CPU", "Meta", "Autograd"}))
        << op;
  }
  EXPECT_THAT(info["libtorch"].get<std::string>(), StartsWith("2."));
  EXPECT_EQ(info["devices"][0]["device"], "cpu");
  EXPECT_GE(info["devices"][0]["threads"], 1);
}

constexpr const char* kSmallBench =
    "bench --device cpu --rounds 1 --tokens 20 --segment-length 8 --heads 2 --key-value-heads 1 "
    "--head-dim 8 --width 16 --layers 1 ";

TEST(Bench, MeasuresOpsAndATrainingStepAgainstThePeakAsJson) {
  const Outcome outcome = run(std::string(kSmallBench) + "--threads 1 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto result = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(result["device"], "cpu");
  EXPECT_EQ(result["dtype"], "float32");
  EXPECT_EQ(result["attention"]["tokens"], 20);
  EXPECT_GT(result["peak"]["operations_per_second"], 0);
  EXPECT_GT(result["peak"]["bytes_per_second"], 0);
  std::vector<std::string> lines;
  for (const auto& line : result["measurements"]) {
    lines.push_back(line["name"].get<std::string>() + ", " + line["update"].get<std::string>() + ", " +
                    line["pass"].get<std::string>());
    EXPECT_GT(line["seconds"], 0) << line;
    EXPECT_EQ(line["tokens"], 20) << line;
  }
  EXPECT_THAT(lines,
              ::testing::ElementsAre("attention, linear, forward", "attention, linear, forward + backward",
                                     "attention, delta, forward", "attention, delta, forward + backward",
                                     "training step, linear, with optimizer", "training step, delta, with optimizer"));
}

TEST(Bench, TakesSizesFromAConfigurationAndLeavesOutWhatIsNotAskedFor) {
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "bench.yaml";
  std::ofstream(file) << "train_length: 64\ndata:\n  path: absent\nmodel:\n  hidden_size: 16\n  intermediate_size: 32\n"
                         "  num_hidden_layers: 1\n  num_attention_heads: 2\n  memory:\n    segment_length: 16\n"
                         "    update: delta\n";
  const Outcome outcome =
      run("bench --device cpu --threads 1 --rounds 1 --json --only step --dtype bfloat16 --config '" + file.string() +
          "' --set batch_rows=3");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto result = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(result["dtype"], "bfloat16");
  ASSERT_EQ(result["measurements"].size(), 1);
  EXPECT_EQ(result["measurements"][0]["name"], "training step");
  EXPECT_EQ(result["measurements"][0]["update"], "delta");
  EXPECT_EQ(result["measurements"][0]["tokens"], 192);
}

TEST(Bench, ShowsAPersonATable) {
  const Outcome outcome = run(std::string(kSmallBench) + "--threads 1 --only attention --update none");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("peak, measured"), HasSubstr("tokens/s"), HasSubstr("forward + backward")));
}

TEST(Bench, RefusesWhatCannotBeMeasured) {
  const std::pair<const char*, const char*> cases[] = {
      {"--tokens 0", "--tokens must be 1 or more, but is 0"},
      {"--rounds -1", "--rounds"},
      {"--heads 3 --key-value-heads 2", "num_key_value_heads"},
      {"--head-dim 7", "head_dim"},
      {"--dtype int8", "'int8'"},
      {"--dtype float16", "--only attention"},
      {"--update hebbian", "'hebbian'"},
      {"--only speed", "'speed'"},
      {"--set steps=1", "--config"},
      {"--config x.yaml --tokens 4", "--tokens and --config"},
      {"--config /no/such/config.yaml", "/no/such/config.yaml"},
      {"--device cuda:99", "cuda:99"},
      {"--tokens many", "--tokens"},
      {"fast", "'fast'"},
  };
  for (const auto& [options, expected] : cases) {
    const Outcome outcome = run(std::string("bench ") + options);
    expect_refusal(outcome);
    EXPECT_THAT(outcome.errors, HasSubstr(expected)) << options;
  }
}

/// A run of more steps than anybody waits for.
class Train : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "config.yaml")
        << "name: run\noutput_folder: " << folder_.string()
        << "\nsteps: 1000000\ntrain_length: 256\nthreads: 1\ntask:\n  kind: passkey\nmodel:\n  hidden_size: 16\n"
           "  intermediate_size: 32\n  num_hidden_layers: 1\n  num_attention_heads: 2\n"
           "  memory:\n    segment_length: 32\n    update: linear\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  bool has_checkpoint() const {
    const std::filesystem::path checkpoints = folder_ / "run/checkpoints";
    return std::filesystem::exists(checkpoints) && !std::filesystem::is_empty(checkpoints);
  }

  const std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "stopped";
  const std::string train_ = "'" INFINI_PROGRAM "' train '" + (folder_ / "config.yaml").string() + "'";
};

TEST_F(Train, EndsWithItsOwnExitCodeAndACheckpointWhenItIsToldToStop) {
  for (const char* signal : {"INT", "TERM", "HUP", "USR1"}) {
    SetUp();
    // The first line of metrics shows that training has begun.
    const int status =
        std::system((train_ + " > /dev/null 2>&1 & until [ -s '" + (folder_ / "run").string() +
                     "/metrics.jsonl' ] || ! kill -0 $!; do sleep 0.1; done; kill -" + signal + " $!; wait $!")
                        .c_str());
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 3) << signal;
    EXPECT_TRUE(has_checkpoint()) << signal;
  }
}

TEST_F(Train, EndsWithACheckpointWhenNobodyReadsItsMessagesAnyMore) {
  const int status = std::system(
      ("exec 3>&1; code=$({ { " + train_ + " 2>&1; echo $? >&3; } | head -1 > /dev/null; } 3>&1); exit $code").c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_TRUE(has_checkpoint());
}

/// A checkpoint of one step on the passkey task, enough to have something to ask.
class Passkey : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::filesystem::remove_all(folder());
    std::filesystem::create_directories(folder());
    const std::filesystem::path config = folder() / "config.yaml";
    std::ofstream(config)
        << "name: run\noutput_folder: " << folder().string()
        << "\nsteps: 1\ntrain_length: 256\nthreads: 1\ntask:\n  kind: passkey\nmodel:\n  hidden_size: 16\n"
           "  intermediate_size: 32\n  num_hidden_layers: 2\n  num_attention_heads: 2\n"
           "  memory:\n    segment_length: 32\n    update: delta\n";
    const Outcome outcome = run("train '" + config.string() + "'");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  }

  void SetUp() override { std::filesystem::remove(file()); }

  static Outcome ask(const std::string& options) {
    return run("passkey --checkpoint " + checkpoint() + " --threads 1 " + options);
  }
  static std::string checkpoint() { return "'" + (folder() / "run/checkpoints/step-1").string() + "'"; }
  static std::string out() { return "--out '" + file().string() + "' "; }
  static std::filesystem::path file() { return folder() / "cells.jsonl"; }

 private:
  static std::filesystem::path folder() { return std::filesystem::path(::testing::TempDir()) / "passkey"; }
};

TEST_F(Passkey, GoesOnFromTheCellsThatItsFileHolds) {
  const Outcome first = ask(out() + "--json --trials 2 --depths start,end --lengths 512");
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  const auto cells = nlohmann::json::parse(first.output);
  ASSERT_EQ(cells.size(), 2);
  EXPECT_EQ(cells[1]["depth"], 1.0);
  EXPECT_EQ(cells[1]["trials"], 2);
  EXPECT_EQ(cells[1]["tokens"], 2 * (512 - 1));

  const Outcome second = ask(out() + "--json --trials 2 --depths start,end --lengths 512,1K");
  ASSERT_EQ(second.exit_code, 0) << second.errors;
  const auto more = nlohmann::json::parse(second.output);
  ASSERT_EQ(more.size(), 4);
  EXPECT_EQ(more[0], cells[0]);  // the seconds it took among the rest: it was not measured again
  EXPECT_EQ(more[1], cells[1]);
  const std::string kept = contents(file());
  EXPECT_EQ(std::count(kept.begin(), kept.end(), '\n'), 1 + 4);
}

TEST_F(Passkey, ShowsWhatItsMemoryHoldsOverADocument) {
  const std::filesystem::path text = file().parent_path() / "document.txt";
  std::ofstream(text) << std::string(32 * 5, 'x');
  const std::string words = "memory --threads 1 --checkpoint " + checkpoint() + " --data '" + text.string() + "' ";
  const Outcome outcome = run(words + "--json " + out());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(outcome.output, contents(file()));
  const auto json = nlohmann::json::parse(outcome.output);
  ASSERT_EQ(json.at("points").size(), 3);
  EXPECT_EQ(json.at("points")[2].at("segments"), 4);
  EXPECT_GT(json.at("points")[2].at("readings").at("effective_rank")[1][0].get<double>(), 1 - 1e-3);
  EXPECT_THAT(run(words + "--max-segments 2").output, HasSubstr("\n       2          1 "));
  const Outcome refused = run(words + "--max-documents -1");
  expect_refusal(refused);
  EXPECT_THAT(refused.errors, HasSubstr("--max-documents must be 0 (all) or more, but is -1"));
}

TEST_F(Passkey, ContinuesAPromptFromStandardInput) {
  const std::string words = "--max-new-tokens 5 --temperature 0 --threads 1 --checkpoint " + checkpoint();
  std::ofstream(file()) << "The pass key is";
  const Outcome from_input = run("generate " + words + " --prompt-file -", file());
  ASSERT_EQ(from_input.exit_code, 0) << from_input.errors;
  EXPECT_EQ(from_input.output, run("generate " + words + " --prompt 'The pass key is'").output);
  const Outcome empty = run("generate " + words + " --prompt-file -");
  expect_refusal(empty);
  EXPECT_THAT(empty.errors, HasSubstr("--prompt-file - is empty"));
}

TEST_F(Passkey, ShowsAPersonItsTableBesideThePapers) {
  const Outcome outcome = ask("--trials 1 --depths start,middle,end --lengths 1K");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("exact match in %"), HasSubstr("middle"), HasSubstr("\n1K ")));
}

TEST_F(Passkey, RefusesWhatHasNoRoomAndAFileOfOtherSettings) {
  const Outcome short_input = ask("--lengths 64");
  expect_refusal(short_input);
  EXPECT_THAT(short_input.errors, AllOf(HasSubstr("--lengths"), HasSubstr("64")));

  ASSERT_EQ(ask(out() + "--trials 1 --depths start --lengths 512").exit_code, 0);
  const std::string kept = contents(file());
  const Outcome other_seed = ask(out() + "--trials 1 --depths start --lengths 512 --seed 7");
  expect_refusal(other_seed);
  EXPECT_THAT(other_seed.errors, AllOf(HasSubstr("cells.jsonl"), HasSubstr("seed")));
  EXPECT_EQ(contents(file()), kept);
}

/// The values of one key in all rows.
std::vector<int64_t> column(const nlohmann::json& rows, const char* key) {
  std::vector<int64_t> values;
  for (const auto& row : rows) values.push_back(row[key].get<int64_t>());
  return values;
}

/// Runs of a model of 2 layers, width 8, 2 heads x 4, and a configuration.
class Tables : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    write("config.yaml",
          "train_length: 64\ndata:\n  path: absent\nmodel:\n  hidden_size: 8\n  intermediate_size: 16\n"
          "  num_hidden_layers: 2\n  num_attention_heads: 2\n  memory:\n    segment_length: 16\n    update: delta\n");
    write_run("memory-seed1", "delta", 1.0);
    write_run("memory-seed2", "delta", 1.5);
    write_run("local", "none", 2.0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text;
  }
  /// Its loss in both documents, 100 and 300 tokens, is `loss` a token.
  void write_run(const std::string& name, const std::string& update, double loss) const {
    write(name + "/config.yaml",
          "train_length: 64\ndata:\n  path: absent\nmodel:\n  memory:\n    segment_length: 16\n    update: linear\n");
    write(name + "/metrics.jsonl", "{\"step\": 1, \"tokens\": 64, \"tokens_per_second\": 250}\n");
    write(name + "/checkpoints/step-1/config.json",
          R"({"model_type": "infini_llama", "vocab_size": 5, "hidden_size": 8, "intermediate_size": 16,
              "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 4,
              "infini": {"segment_length": 16, "update": ")" +
              update + "\"}}");
    const auto nats = [&](int64_t tokens) { return std::to_string(loss * static_cast<double>(tokens)); };
    write(name + "/evaluation.json", "{\"perplexity\": " + std::to_string(std::exp(loss)) +
                                         ", \"tokens\": 400, \"documents\": 2, \"documents_read\": ["
                                         "{\"name\": \"a\", \"tokens\": 100, \"nats\": " +
                                         nats(100) + "}, {\"name\": \"b\", \"tokens\": 300, \"nats\": " + nats(300) +
                                         "}]}");
  }
  std::string path(const std::string& file) const { return std::string("'") + (folder_ / file).string() + "' "; }

  const std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "tables";
};

TEST_F(Tables, CountsThePapersModelWithoutAConfiguration) {
  const Outcome outcome = run("tables --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto rows = nlohmann::json::parse(outcome.output)["table1"];
  EXPECT_THAT(column(rows, "memory_floats"),
              ::testing::ElementsAre(50331648, 50331648, 183451648, 2457600, 10444800, 1585152));
  EXPECT_THAT(column(rows, "measured_floats"),
              ::testing::ElementsAre(50331648, 50331648, 183451648, 102400, 819200, 1585152));
  EXPECT_EQ(rows[5]["model"], "infini");
  EXPECT_EQ(rows[5]["paper_ratio_rounded"], "114x");
  EXPECT_THAT(run("tables").output, AllOf(HasSubstr("183,451,648"), HasSubstr("paper, rounded"), HasSubstr("115.73x")));
}

TEST_F(Tables, CountsTheModelOfAConfigurationAndOfACheckpoint) {
  // Keys and values of 4 + 4 on 2 heads; a cache of 16, slots 65000 · 16 / 2048 = 508; 4 segments of the configuration.
  const std::vector<int64_t> expected = {8 * 2 * 16 * 2,  8 * 32 * 2,     8 * 2 * 508 + 512,
                                         8 * 100 * 2 * 2, 8 * 50 * 5 * 2, 4 * 5 * 2 * 2};
  const Outcome outcome = run("tables --json " + path("config.yaml"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto rows = nlohmann::json::parse(outcome.output)["table1"];
  EXPECT_EQ(column(rows, "memory_floats"), expected);
  EXPECT_EQ(rows[5]["effective_context"], 64);
  EXPECT_TRUE(rows[5]["paper_ratio_rounded"].is_null());
  for (const char* const checkpoint : {"local/checkpoints/step-1", "local/checkpoints/step-1/config.json"}) {
    const Outcome same = run("tables --json --length 79 " + path(checkpoint));
    ASSERT_EQ(same.exit_code, 0) << same.errors;
    EXPECT_EQ(nlohmann::json::parse(same.output)["table1"], rows);
  }
}

TEST_F(Tables, ComparesRunsAndTakesSeedsTogether) {
  const std::string runs = path("memory-seed1") + path("memory-seed2") + path("local");
  const Outcome outcome = run("tables --json " + runs);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto rows = nlohmann::json::parse(outcome.output)["table2"];
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0]["model"], "memory");
  EXPECT_EQ(rows[0]["seeds"], 2);
  EXPECT_NEAR(rows[0]["perplexity"].get<double>(), (std::exp(1.0) + std::exp(1.5)) / 2, 1e-5);
  EXPECT_EQ(rows[0]["memory_floats"], 80);  // 4 · 5 · 2 · 2
  EXPECT_EQ(rows[0]["measured_bytes"], 4 * 80);
  EXPECT_EQ(rows[0]["paper_model"], "Infini (Linear + Delta)");
  EXPECT_EQ(rows[0]["paper_pg19"], 9.67);
  EXPECT_EQ(rows[1]["memory_floats"], 0);
  EXPECT_NEAR(rows[1]["loss_difference"].get<double>(), 2 - 1.25, 1e-6);
  EXPECT_EQ(rows[1]["training_tokens_per_second"], 250);
  EXPECT_THAT(outcome.errors, HasSubstr("note: memory-seed1 has no checkpoint that can be read"));
  EXPECT_EQ(nlohmann::json::parse(run("tables --json --runs " + runs).output)["table2"], rows);

  EXPECT_THAT(run("tables " + runs).output, AllOf(HasSubstr("Table 1"), HasSubstr("Table 2"), HasSubstr("+0.7500")));
  EXPECT_THAT(run("tables --markdown " + runs).output, HasSubstr("| memory | 2 | "));
  EXPECT_THAT(run("tables --csv " + runs).output,
              AllOf(StartsWith("model,runs,seeds,"), HasSubstr("\nlocal,local,1,2,")));
  EXPECT_THAT(run("tables --csv").output, AllOf(StartsWith("model,memory_floats,"), HasSubstr("\ninfini,1585152,")));
}

TEST_F(Tables, RefusesWhatHasNoTable) {
  const std::pair<std::string, const char*> cases[] = {
      {"/no/such/config.yaml", "/no/such/config.yaml"},
      {"--json --csv", "only one of"},
      {path("config.yaml") + path("config.yaml"), "second configuration"},
      {"--length 2047", "less than a segment"},
      {"--length -3", "--length"},
      {"--runs /no/such/run", "/no/such/run"},
  };
  for (const auto& [options, expected] : cases) {
    const Outcome outcome = run("tables " + options);
    expect_refusal(outcome);
    EXPECT_THAT(outcome.errors, HasSubstr(expected)) << options;
  }
  write("full.json", R"({"model_type": "llama", "vocab_size": 5, "hidden_size": 8, "intermediate_size": 16,
                         "num_hidden_layers": 2, "num_attention_heads": 2})");
  const Outcome full = run("tables " + path("full.json"));
  expect_refusal(full);
  EXPECT_THAT(full.errors, HasSubstr("segment_length"));
}

/// Two models of one step on a few lines, one with segments and a memory and one without segments.
class EvalOfRecall : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::filesystem::remove_all(folder());
    std::filesystem::create_directories(folder() / "source/train");
    std::filesystem::create_directories(folder() / "source/validation");
    std::filesystem::create_directories(folder() / "source/test");
    std::ofstream(folder() / "source/train/a.txt") << std::string(300, 'x') << " Lear, lear and Cordelia";
    std::ofstream(folder() / "source/validation/v.txt") << "Lear and Regan.";
    std::ofstream(folder() / "source/test/b.txt") << "Lear and Regan." << std::string(50, ' ') << "Lear; regan";
    std::ofstream(folder() / "source/test/c.txt") << "Cordelia, Cordelia";
    const std::string data = (folder() / "data").string();
    ASSERT_EQ(run("prepare --source '" + (folder() / "source").string() + "' --out '" + data + "'").exit_code, 0);
    for (const auto& [name, memory] : {std::pair{"memory", "segment_length: 16\n    update: delta\n"},
                                       {"full", "segment_length: 0\n    update: none\n"}}) {
      const std::filesystem::path config = folder() / (std::string(name) + ".yaml");
      std::ofstream(config) << "name: " << name << "\noutput_folder: " << folder().string()
                            << "\ndata:\n  path: " << data
                            << "\nsteps: 1\ntrain_length: 64\nthreads: 1\nmodel:\n  hidden_size: 16\n"
                               "  intermediate_size: 32\n  num_hidden_layers: 1\n  num_attention_heads: 2\n"
                               "  memory:\n    "
                            << memory;
      const Outcome outcome = run("train '" + config.string() + "'");
      ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    }
  }

  static Outcome eval(const std::string& model, const std::string& options) {
    return run("eval --threads 1 --checkpoint '" + (folder() / model).string() + "' --data '" +
               (folder() / "data/test").string() + "' " + options);
  }
  static std::string recall() { return "--recall '" + (folder() / "data").string() + "' "; }
  static std::string against(const std::string& model) { return "--against '" + (folder() / model).string() + "' "; }
  static std::filesystem::path folder() { return std::filesystem::path(::testing::TempDir()) / "recall"; }
};

TEST_F(EvalOfRecall, ComparesTheModelWithItsMemoryOffAndWithOthers) {
  const std::filesystem::path out = folder() / "memory/recall.json";
  const Outcome outcome =
      eval("memory", recall() + "--also-no-memory --json --out '" + out.string() + "' " + against("full"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(contents(out), outcome.output);
  const auto json = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(json["documents_read"].size(), 2);
  const auto& recalled = json["recall"];
  EXPECT_EQ(recalled["segment_length"], 16);
  EXPECT_EQ(recalled["training_words"], 3);
  ASSERT_EQ(recalled["models"].size(), 3);
  EXPECT_EQ(recalled["models"][0]["name"], "memory");
  EXPECT_EQ(recalled["models"][1]["name"], "memory, memory off");
  EXPECT_EQ(recalled["models"][2]["name"], "full");
  EXPECT_EQ(recalled["models"][0]["loss"], json["loss"]);
  for (const auto& model : recalled["models"]) {
    std::map<std::string, int64_t> words;
    for (const auto& cell : model["cells"]) {
      const std::string trained = std::to_string(cell["trained_from"].get<int64_t>());
      if (cell["words"] != 0) words[cell["distance"].get<std::string>() + ", trained from " + trained] = cell["words"];
    }
    // "Lear" is in the training split twice, "Cordelia" once, "Regan" never. The second "Lear" comes 65 tokens later.
    EXPECT_EQ(words, (std::map<std::string, int64_t>{{"never before, trained from 0", 1},
                                                     {"never before, trained from 1", 2},
                                                     {"0, trained from 1", 1},
                                                     {"3-4, trained from 0", 1},
                                                     {"3-4, trained from 1", 1}}));
  }
}

TEST_F(EvalOfRecall, ShowsAPersonATableAndNeedsALengthWhereTheModelHasNoSegments) {
  const Outcome outcome = eval("full", recall() + "--recall-segment 64");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr(" between documents\n"), HasSubstr("segments of 64 tokens"),
                                    HasSubstr("\nnever before           3 ")));
  const Outcome without = eval("full", recall());
  expect_refusal(without);
  EXPECT_THAT(without.errors, HasSubstr("choose a length with --recall-segment"));
}

TEST_F(EvalOfRecall, RefusesWhatCannotBeCompared) {
  const std::filesystem::path other = folder() / "other";
  std::filesystem::remove_all(other);
  std::filesystem::copy(folder() / "full/checkpoints/step-1", other, std::filesystem::copy_options::recursive);
  std::ofstream(other / "tokenizer.model", std::ios::binary) << testing::lossy_model();
  const std::pair<std::string, const char*> cases[] = {
      {"--also-no-memory", "--also-no-memory needs --recall"},
      {against("full"), "--against needs --recall"},
      {recall() + "--also-no-memory --no-memory", "exclude each other"},
      {recall() + against("memory"), "--against names a checkpoint that is compared already"},
      {recall() + against("other"), " is not that of "},
      {recall() + against("nowhere"), "nowhere"},
      {"--recall /nowhere", "/nowhere"},
      {recall() + "--recall-segment -1", "--recall-segment must be 1 or more"},
  };
  for (const auto& [options, expected] : cases) {
    const Outcome outcome = eval("memory", options);
    expect_refusal(outcome);
    EXPECT_THAT(outcome.errors, HasSubstr(expected)) << options;
  }
  const Outcome no_memory = eval("full", recall() + "--recall-segment 8 --also-no-memory");
  expect_refusal(no_memory);
  EXPECT_THAT(no_memory.errors, HasSubstr("has no memory to switch off"));
}

TEST(Info, SaysHowManyThreadsAVerbWouldStartAndWhy) {
  const std::string json = run_with("OMP_NUM_THREADS=1", "info --json").output;
  const auto cpu = nlohmann::json::parse(json)["devices"][0];
  EXPECT_EQ(cpu["threads"], 1);
  EXPECT_EQ(cpu["threads_reason"], "OMP_NUM_THREADS is 1");
  EXPECT_THAT(run_with("OMP_NUM_THREADS=1", "info").output, HasSubstr("threads 1 (OMP_NUM_THREADS is 1)"));
}

TEST(Bench, StartsNoMoreThreadsThanTheProcessMayUse) {
  const Outcome outcome =
      run_with("OMP_NUM_THREADS=1", std::string(kSmallBench) + "--threads 0 --only attention --update none --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(nlohmann::json::parse(outcome.output)["threads"], 1);
}

TEST(Info, SaysTheSameToAPerson) {
  const Outcome outcome = run("info");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("libtorch"), HasSubstr("memory_summary"), HasSubstr("threads")));
}

}  // namespace
}  // namespace infini
