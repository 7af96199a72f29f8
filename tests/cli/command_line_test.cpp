// Runs the built program as a person would: exit codes, and one line for what is wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

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

Outcome run(const std::string& arguments) {
  const std::filesystem::path folder = ::testing::TempDir();
  const std::string output = folder / "infini-output";
  const std::string errors = folder / "infini-errors";
  const int status = std::system(
      ("'" INFINI_PROGRAM "' " + arguments + " < /dev/null > '" + output + "' 2> '" + errors + "'").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(output), contents(errors)};
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
                         ::testing::Values("prepare", "train", "eval", "score", "generate", "report", "info"),
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

TEST(Info, SaysTheSameToAPerson) {
  const Outcome outcome = run("info");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("libtorch"), HasSubstr("memory_summary"), HasSubstr("threads")));
}

}  // namespace
}  // namespace infini
