#include "model/memory_accounting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/every_kind.h"
#include "model/measured_state.h"
#include "model/memory_kinds.h"

namespace infini {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

std::vector<int64_t> floats_of(const std::vector<MemoryAccount>& accounts) {
  std::vector<int64_t> floats;
  for (const MemoryAccount& account : accounts) floats.push_back(account.memory_floats);
  return floats;
}

std::vector<int64_t> contexts_of(const std::vector<MemoryAccount>& accounts) {
  std::vector<int64_t> tokens;
  for (const MemoryAccount& account : accounts) tokens.push_back(account.effective_context);
  return tokens;
}

/// A Llama of 3 layers, width 40, 6 heads x 10 on 2 key/value heads.
ModelConfig grouped_model(const MemoryConfig& memory) {
  ModelConfig config;
  config.hidden_size = 40;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 2;
  config.head_dim = 10;
  config.memory = memory;
  return config;
}

TEST(Table1, HasARowForEachKindOfMemoryInThePapersOrder) {
  std::vector<std::string_view> kinds;
  for (const MemoryAccount& account : memory_accounts(paper_model(), 16)) kinds.push_back(account.kind);
  EXPECT_THAT(kinds, ElementsAre("transformer_xl", "compressive", "memorizing", "rmt", "autocompressors", "infini"));
  EXPECT_EQ(memory_kinds().size(), kinds.size());
}

TEST(Table1, GivesThePapersModelItsExactValues) {
  const auto accounts = memory_accounts(paper_model(), 16);
  EXPECT_THAT(floats_of(accounts), ElementsAre(50331648,   // 256 · 8 · 2048 · 12
                                               50331648,   // 1024 · (2048 + 2048) · 12
                                               183451648,  // 256 · 8 · 65000 + 50331648
                                               2457600,    // 1024 · 100 · 12 · 2
                                               10444800,   // 1024 · 50 · 17 · 12
                                               1585152));  // 128 · 129 · 8 · 12
  EXPECT_THAT(contexts_of(accounts), ElementsAre(24576, 73728, 32768, 32768, 32768, 32768));
  const double ratios[] = {3.644857, 3.644857, 1, 74.646667, 17.563922, 115.731266};
  for (size_t row = 0; row < accounts.size(); ++row) {
    EXPECT_THAT(accounts[row].ratio, DoubleNear(ratios[row], 1e-6)) << accounts[row].kind;
  }
}

TEST(Table1, HasThePapersRoundedFiguresForThePapersModelAlone) {
  std::vector<std::string> figures;
  for (const MemoryAccount& account : memory_accounts(paper_model(), 16)) {
    figures.push_back(std::string(account.paper_memory) + " " + std::string(account.paper_ratio));
  }
  EXPECT_THAT(figures, ElementsAre("50M 3.7x", " ", "183M 1x", "2.5M 73x", " ", "1.6M 114x"));
  ModelConfig other = paper_model();
  other.num_hidden_layers = 13;
  for (const MemoryAccount& account : memory_accounts(other, 16)) {
    EXPECT_EQ(account.paper_memory, "") << account.kind;
    EXPECT_EQ(account.paper_ratio, "") << account.kind;
  }
  ModelConfig more_vectors = with_kind(paper_model(), "rmt");
  more_vectors.memory.memory_tokens = 101;
  EXPECT_EQ(memory_accounts(more_vectors, 16)[3].paper_memory, "");
  EXPECT_EQ(memory_accounts(more_vectors, 16)[0].paper_memory, "50M");
  ModelConfig more_slots = with_kind(paper_model(), "memorizing");
  more_slots.memory.slots = 65536;
  EXPECT_EQ(memory_accounts(more_slots, 16)[0].paper_memory, "50M");
  EXPECT_EQ(memory_accounts(more_slots, 16)[0].paper_ratio, "");
}

TEST(Table1, CountsKeyValueHeadsAndTakesThePapersSizesInProportionToTheSegment) {
  const auto accounts = memory_accounts(grouped_model({32, "delta"}), 5);
  EXPECT_THAT(floats_of(accounts), ElementsAre(3840,   // 20 · 2 · 32 · 3
                                               7680,   // 40 · (32 + 32) · 3
                                               44480,  // 20 · 2 · 1016 + 3840; 65000 · 32 / 2048 = 1015.6
                                               24000,  // 40 · 100 · 3 · 2
                                               36000,  // 40 · 50 · 6 · 3
                                               660));  // 10 · 11 · 2 · 3
  EXPECT_THAT(contexts_of(accounts), ElementsAre(96, 288, 160, 160, 160, 160));
}

TEST(Table1, TakesTheSizesThatTheConfigurationHas) {
  MemoryConfig memory{.segment_length = 64, .kind = "compressive"};
  memory.cache_length = 48;
  memory.compressed_length = 20;
  memory.compression_rate = 4;
  const auto accounts = memory_accounts(grouped_model(memory), 2);
  EXPECT_THAT(floats_of(accounts), ElementsAre(5760,   // 20 · 2 · 48 · 3
                                               8160,   // 40 · (20 + 48) · 3
                                               87000,  // 20 · 2 · 2031 + 5760; 65000 · 64 / 2048 = 2031.25
                                               24000,  // 40 · 100 · 3 · 2
                                               18000,  // 40 · 50 · 3 · 3
                                               660));  // 10 · 11 · 2 · 3
  EXPECT_THAT(contexts_of(accounts), ElementsAre(144, 384, 128, 128, 128, 128));
}

TEST(Table1, GivesEachKindSizesThatAreAllowed) {
  for (const int64_t segment : {1, 5, 64, 2048}) {
    for (const MemoryKind& kind : memory_kinds()) {
      for (const int64_t convolution : {0, 4}) {
        ModelConfig base = grouped_model({segment, "linear"});
        base.short_convolution = convolution;
        const ModelConfig config = with_kind(base, kind.name);
        EXPECT_EQ(config.memory.kind, kind.name);
        EXPECT_FALSE(config.fault()) << kind.name << ": " << config.fault()->key << " " << config.fault()->message;
      }
    }
  }
}

TEST(OwnMemory, IsNothingForLocalAttentionAndUnknownForFullAttention) {
  const auto local = own_memory(tiny_config("none"), 3);
  ASSERT_TRUE(local);
  EXPECT_EQ(local->memory_floats, 0);
  EXPECT_EQ(local->carried_floats, 0);
  EXPECT_FALSE(own_memory(tiny_config("none", 0), 3));
}

TEST(OwnMemory, DoesNotCountTheInputsOfConvolutionsButWhatIsCarriedDoes) {
  // (w - 1) · (4 + 2 · 2) heads · 6 channels · 2 layers
  const auto local = own_memory(with_convolution(tiny_config("none")), 3);
  EXPECT_EQ(local->memory_floats, 0);
  EXPECT_EQ(local->carried_floats, 3 * 8 * 6 * 2);
  const ModelConfig linear = tiny_config("linear");
  const auto memory = own_memory(with_convolution(linear, 8), 3);
  EXPECT_EQ(memory->memory_floats, own_memory(linear, 3)->memory_floats);
  EXPECT_EQ(memory->carried_floats, memory->memory_floats + 7 * 8 * 6 * 2);
  EXPECT_FALSE(own_memory(with_convolution(tiny_config("none", 0)), 3));
}

TEST(Table1, GivesNoConvolutionToAKindThatCanHaveNone) {
  const auto accounts = memory_accounts(with_convolution(tiny_config("delta")), 3);
  const auto plain = memory_accounts(tiny_config("delta"), 3);
  for (size_t i = 0; i < accounts.size(); ++i) {
    const bool has = find_memory_kind(std::string(accounts[i].kind)).has_convolution;
    EXPECT_EQ(accounts[i].memory_floats, plain[i].memory_floats);
    EXPECT_EQ(accounts[i].carried_floats - plain[i].carried_floats, has ? 3 * 8 * 6 * 2 : 0) << accounts[i].kind;
  }
}

/// Of all kinds, also with tokens that pass by some blocks, and with a short convolution.
std::vector<ModelConfig> models_with_memory() {
  std::vector<ModelConfig> configs = every_memory();
  for (const ModelConfig& config : every_memory_with_convolution()) configs.push_back(config);
  for (const ModelConfig& config : every_memory_with_depth()) configs.push_back(config);
  return configs;
}

/// These models after a number of segments.
class CarriedFloats : public ::testing::TestWithParam<int64_t> {};

TEST_P(CarriedFloats, AreTheFloatsOfTheStateOfOneRow) {
  const int64_t segments = GetParam();
  for (const ModelConfig& config : models_with_memory()) {
    SCOPED_TRACE(kind(config));
    const auto model = double_model(config);
    const int64_t rows = 3;
    const torch::Tensor tokens = random_tokens(rows, segments * config.memory.segment_length);
    const ContextState state = model->forward(tokens, model->empty_state(rows)).state;
    int64_t floats = 0;
    for (const auto& [name, tensor] : state.tensors) {
      if (tensor.value.is_floating_point()) floats += tensor.value.numel();
    }
    EXPECT_EQ(own_memory(config, segments)->carried_floats * rows, floats);
  }
}

TEST_P(CarriedFloats, AreWhatIsMeasuredWithoutReadingAllSegments) {
  const int64_t segments = GetParam();
  for (const ModelConfig& config : models_with_memory()) {
    SCOPED_TRACE(kind(config));
    const StateSize measured = measure_state(config, segments);
    const auto model = std::make_shared<CausalLanguageModel>(config);
    const torch::Tensor tokens = random_tokens(1, segments * config.memory.segment_length);
    const StateSize real = size_of(model->forward(tokens, model->empty_state(1)).state);
    EXPECT_EQ(measured.floats, own_memory(config, segments)->carried_floats);
    EXPECT_EQ(measured.floats, real.floats);
    EXPECT_EQ(measured.bytes, real.bytes);
    EXPECT_GE(measured.bytes, 4 * measured.floats);
  }
}

INSTANTIATE_TEST_SUITE_P(Segments, CarriedFloats, ::testing::Values(1, 2, 5));

TEST(CarriedFloats, AreTable1sFormulaExceptForVectorsThatAreHandedOn) {
  for (const MemoryAccount& account : memory_accounts(paper_model(), 16)) {
    const int64_t carried = account.kind == "rmt"               ? 102400  // 1024 · 100
                            : account.kind == "autocompressors" ? 819200  // 1024 · 50 · 16
                                                                : account.memory_floats;
    EXPECT_EQ(account.carried_floats, carried) << account.kind;
    EXPECT_EQ(measure_state(with_kind(paper_model(), account.kind), 16).floats, carried) << account.kind;
  }
}

}  // namespace
}  // namespace infini
