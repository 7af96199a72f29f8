#include "train/step_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/standard_error.h"
#include "objective/needle_objective.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

NeedleObjective pass_keys() {
  return {{.batches = {.segment_length = 16}}, std::shared_ptr<const Tokenizer>(make_byte_tokenizer())};
}

StepMetrics step_with_a_validation() {
  StepMetrics metrics;
  metrics.step = 3;
  metrics.loss = 1.25;
  metrics.objective = {{"stage", 2}, {"answer_loss", 0.5}, {"exact_match", 0.25}};
  metrics.validation = Metrics{{"loss", 1.5}, {"perplexity", 4.482}, {"answer_loss", 0.75}, {"exact_match", 0.125}};
  return metrics;
}

constexpr const char* kValidation = "validation after step 3: loss 1.5000, perplexity 4.482, answers 0.7500, 12% right";

TEST(StepDisplay, ShowsAValidationBesideTheBarOfATerminal) {
  const NeedleObjective objective = pass_keys();
  const std::string written = into_a_terminal(160, [&] {
    StepDisplay display(10, 0, /*every=*/5);
    display.show(step_with_a_validation(), objective);
  });
  EXPECT_THAT(written, HasSubstr(kValidation));
  EXPECT_THAT(written, HasSubstr("3/10 steps"));
  EXPECT_THAT(written, HasSubstr("loss 1.2500, 0 tokens/s, answers 0.5000, 25% right, stage 2"));
}

TEST(StepDisplay, ElsewhereShowsAValidationAlsoBetweenTheLinesOfSteps) {
  const NeedleObjective objective = pass_keys();
  const std::string written = into_a_pipe([&] {
    StepDisplay display(10, 0, /*every=*/5);
    display.show(step_with_a_validation(), objective);
  });
  EXPECT_THAT(written, HasSubstr(kValidation));
  EXPECT_THAT(written, Not(HasSubstr("3/10 steps")));
}

}  // namespace
}  // namespace infini
