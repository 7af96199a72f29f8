#include "eval/generate.h"

#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/error.h"
#include "model/small_model.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<int32_t> prompt_of(int64_t length, int64_t seed = 1) {
  const std::vector<int64_t> tokens = random_tokens(length, seed);
  return {tokens.begin(), tokens.end()};
}

/// The most probable next tokens, each from a forward pass over all earlier tokens.
std::vector<int32_t> plain_continuation(CausalLanguageModel& model, const std::vector<int32_t>& prompt, int64_t count) {
  torch::NoGradGuard no_gradient;
  std::vector<int64_t> tokens(prompt.begin(), prompt.end());
  for (int64_t i = 0; i < count; ++i) {
    const torch::Tensor hidden = model.forward(as_row(tokens), model.empty_state(1)).hidden;
    tokens.push_back(model.logits(hidden)[0][-1].argmax().item<int64_t>());
  }
  return {tokens.begin() + static_cast<int64_t>(prompt.size()), tokens.end()};
}

/// Update, segment length, short convolution.
class GreedyGeneration : public ::testing::TestWithParam<std::tuple<std::string, int64_t, int64_t>> {};
INSTANTIATE_TEST_SUITE_P(Models, GreedyGeneration,
                         ::testing::Values(std::tuple("linear", 8, 0), std::tuple("delta", 8, 0),
                                           std::tuple("none", 8, 0), std::tuple("none", 0, 0),
                                           std::tuple("linear", 8, 4), std::tuple("delta", 3, 8),
                                           std::tuple("none", 8, 4), std::tuple("none", 0, 4)));

TEST_P(GreedyGeneration, IsThatOfReadingEverythingAgainForEachToken) {
  const auto& [update, segment_length, short_convolution] = GetParam();
  const auto model = small_model(update, segment_length, 40, short_convolution);
  for (const int64_t length : {1, 8, 9, 37}) {
    const std::vector<int32_t> prompt = prompt_of(length, length);
    const std::vector<int32_t> expected = plain_continuation(*model, prompt, 20);
    for (const int64_t chunk_tokens : {3, 8192}) {
      EXPECT_EQ(generate(*model, prompt, {.max_new_tokens = 20, .temperature = 0, .chunk_tokens = chunk_tokens}),
                expected)
          << "prompt of " << length << ", read " << chunk_tokens << " at a time";
    }
  }
}

TEST(Generation, SeesTheBeginningOfALongPrompt) {
  const auto model = small_model("linear");
  std::vector<int32_t> prompt = prompt_of(100);
  const GenerateOptions options{.max_new_tokens = 30, .temperature = 1, .top_p = 1, .seed = 4};
  const std::vector<int32_t> text = generate(*model, prompt, options);
  for (int i = 0; i < 16; ++i) prompt[i] = (prompt[i] + 1) % 40;
  EXPECT_NE(generate(*model, prompt, options), text);
}

/// How often `work` calls infini::attention.
template <typename Work>
int64_t attention_calls(const Work& work) {
  static thread_local int64_t calls;
  calls = 0;
  const auto count = [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
    calls += std::string_view(function.name()) == "infini::attention" ? 1 : 0;
    return nullptr;
  };
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(count).scopes({at::RecordScope::FUNCTION}));
  work();
  at::removeCallback(handle);
  return calls;
}

TEST(Generation, ReadsTheLastSegmentAloneWhereNothingIsRemembered) {
  const auto calls = [](const char* update) {
    const auto model = small_model(update, 8);
    const std::vector<int32_t> prompt = prompt_of(40);
    return attention_calls([&] { generate(*model, prompt, {.max_new_tokens = 1, .temperature = 0}); });
  };
  EXPECT_EQ(calls("none"), 2) << "the two layers, for the last segment";
  EXPECT_EQ(calls("linear"), 3) << "and the first layer, for the four segments before";
}

TEST(Generation, ATokenOfTheOpenSegmentCopiesNothingButItself) {
  const torch::NoGradGuard no_graph;
  const auto model = small_model("linear", 8);
  ContextState state = model->empty_state(1);
  model->read(as_row(random_tokens(2)), state);
  const auto place = [&] { return state["layers.1.open_values"].const_data_ptr(); };
  const void* const first = place();
  for (int token = 0; token < 20; ++token) {
    model->read(as_row({token}), state);
    EXPECT_EQ(place(), first) << "room for the segment is made once";
  }
}

TEST(Generation, GivesTheSameTextForTheSameSeedOnly) {
  const auto model = small_model("linear");
  const auto text = [&](uint64_t seed) {
    return generate(*model, prompt_of(20), {.max_new_tokens = 30, .temperature = 1, .top_p = 1, .seed = seed});
  };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}

TEST(Generation, StreamsEachTokenAndEndsAtEachStopToken) {
  const auto model = small_model("delta");
  const std::vector<int32_t> prompt = prompt_of(20);
  GenerateOptions options{.max_new_tokens = 30, .temperature = 1, .top_p = 1, .seed = 1};
  std::vector<int32_t> streamed;
  const std::vector<int32_t> text =
      generate(*model, prompt, options, [&](int32_t token) { streamed.push_back(token); });
  EXPECT_EQ(text.size(), 30);
  EXPECT_EQ(streamed, text);
  options.stop_tokens = {39, text[12]};
  const auto stop =
      std::find_first_of(text.begin(), text.end(), options.stop_tokens.begin(), options.stop_tokens.end());
  EXPECT_EQ(generate(*model, prompt, options), std::vector<int32_t>(text.begin(), stop));
}

TEST(Generation, RefusesAPromptThatIsEmptyOrForeign) {
  const auto model = small_model("linear");
  EXPECT_THAT([&] { generate(*model, {}, {}); }, ThrowsMessage<UserError>(HasSubstr("no tokens")));
  EXPECT_THAT(
      [&] {
        generate(*model, std::vector<int32_t>{1, 40}, {});
      },
      ThrowsMessage<UserError>(HasSubstr("token 40")));
}

}  // namespace
}  // namespace infini
