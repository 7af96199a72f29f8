#include <gmock/gmock.h>

#include "config/temporary_config.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParameterRules : public WithConfigFile {
 protected:
  static constexpr const char* kData = "data: {path: x}\n";
};

TEST_F(ParameterRules, AreTodaysGroupsWhereNoneIsGiven) {
  EXPECT_THAT(load(kData).parameters,
              ElementsAre(ParameterRule{"*.memory_gate", 0.01, 0.0}, ParameterRule{"*norm.weight", {}, 0.0},
                          ParameterRule{"*.bias", {}, 0.0}, ParameterRule{"*_conv1d.weight", {}, 0.0}));
}

TEST_F(ParameterRules, StandBeforeTheBuiltInOnesAndReplaceThoseOfTheSameMatch) {
  const TrainConfig config = load(std::string(kData) + R"(parameters:
  - {match: "model.embed_tokens.*", trainable: false}
  - match: "*.memory_gate"
    learning_rate: 0.5
)");
  EXPECT_THAT(config.parameters,
              ElementsAre(ParameterRule{"model.embed_tokens.*", {}, {}, false}, ParameterRule{"*.memory_gate", 0.5, {}},
                          ParameterRule{"*norm.weight", {}, 0.0}, ParameterRule{"*.bias", {}, 0.0},
                          ParameterRule{"*_conv1d.weight", {}, 0.0}));
}

TEST_F(ParameterRules, OfAnOverrideStandBeforeThoseOfTheFileAndThoseBeforeTheBases) {
  write("base.yaml", std::string(kData) + "parameters: [{match: a, learning_rate: 1}, {match: b, learning_rate: 1}]\n");
  const TrainConfig config = load("base: base.yaml\nparameters: [{match: c}, {match: a, learning_rate: 2}]\n",
                                  {"parameters=[{match: \"*\", weight_decay: 3}]"});
  std::vector<std::string> matches;
  for (const ParameterRule& rule : config.parameters) matches.push_back(rule.match);
  EXPECT_THAT(matches, ElementsAre("*", "c", "a", "b", "*.memory_gate", "*norm.weight", "*.bias", "*_conv1d.weight"));
  EXPECT_EQ(config.parameters[2].learning_rate, 2);
}

TEST_F(ParameterRules, ComeBackAsTheyWereWritten) {
  const TrainConfig config = load(std::string(kData) + R"(parameters:
  - {match: "*.memory_gate", learning_rate: 0.0123456789012345678}
  - {match: "true", weight_decay: 0, trainable: false}
)");
  EXPECT_EQ(load(to_yaml(config)).parameters, config.parameters);
}

TEST_F(ParameterRules, AreRefusedWithTheirLine) {
  const auto rule = [&](const std::string& text) { return error_of("steps: 1\nparameters:\n  - " + text + "\n"); };
  EXPECT_EQ(rule("{match: a, rate: 1}"),
            "a.yaml:3: parameters: rate is unknown; a rule has match, learning_rate, weight_decay and trainable");
  EXPECT_EQ(rule("match: a\n    learning_rate: fast"),
            "a.yaml:4: parameters: learning_rate must be a number, is \"fast\"");
  EXPECT_EQ(rule("{match: a, learning_rate: -1}"), "a.yaml:3: parameters: learning_rate must be at least 0, is -1");
  EXPECT_EQ(rule("{match: a, weight_decay: -0.5}"), "a.yaml:3: parameters: weight_decay must be at least 0, is -0.5");
  EXPECT_THAT(rule("{match: a, learning_rate: 1e-50}"), HasSubstr("that float32 holds"));
  EXPECT_EQ(rule("{match: a, trainable: 1}"), "a.yaml:3: parameters: trainable must be true or false, is \"1\"");
  EXPECT_EQ(rule("{match: [a]}"), "a.yaml:3: parameters: match must be a text, is a list");
  EXPECT_EQ(rule("{match: a, match: b}"), "a.yaml:3: parameters: match is given twice in one rule");
  EXPECT_THAT(rule("{learning_rate: 1}"), HasSubstr("a.yaml:3: a rule of parameters must say what it matches"));
  EXPECT_THAT(rule("a"), HasSubstr("a.yaml:3: a rule of parameters must be keys with values, as in - {match: "));
  EXPECT_EQ(rule("{match: a}\n  - {match: a, weight_decay: 1}"),
            "a.yaml:4: parameters: an earlier rule matches \"a\" too, and the first match wins; leave one of them out");
  EXPECT_THAT(rule("{match: *.bias}"), HasSubstr("a value that begins with * or & wants quotes"));
  EXPECT_THAT(error_of("parameters: 5\n"), HasSubstr("a.yaml:1: parameters must be a list of rules"));
  EXPECT_THAT(error_of("steps: 1\n", {"parameters=[{match: a, rate: 1}]"}),
              HasSubstr("--set parameters=[{match: a, rate: 1}]: parameters: rate is unknown"));
  EXPECT_THAT(error_of("steps: 1\n", {"parameters=[{"}), HasSubstr("--set parameters=[{: not valid YAML"));
  EXPECT_THAT(error_of("parametres: []\n"), HasSubstr("did you mean parameters?"));
}

TEST_F(ParameterRules, AreWhereTheGatesRateIsSaidNow) {
  EXPECT_EQ(error_of("gate:\n  learning_rate: 0.1\n"),
            "a.yaml:2: unknown key gate.learning_rate; give the rate to a rule of parameters: - {match: "
            "\"*.memory_gate\", learning_rate: 0.01, weight_decay: 0}");
  EXPECT_THAT(error_of("steps: 1\n", {"gate.learning_rate=0.1"}), HasSubstr("a rule of parameters"));
}

}  // namespace
}  // namespace infini
