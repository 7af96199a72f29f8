#include <gmock/gmock.h>

#include "log/error.h"
#include "model/config.h"
#include "model/model_size.h"

namespace infini {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The published config.json of TinyLlama-1.1B, without the keys that transformers ignores.
json tiny_llama() {
  return json::parse(R"({"architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1,
    "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
    "intermediate_size": 5632, "max_position_embeddings": 2048, "model_type": "llama", "num_attention_heads": 32,
    "num_hidden_layers": 22, "num_key_value_heads": 4, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "rope_scaling": null, "rope_theta": 10000.0, "tie_word_embeddings": false, "torch_dtype": "float32",
    "use_cache": true, "vocab_size": 32000})");
}

ModelConfig read(const json& config) { return model_config_from_json(config, "x/config.json"); }

std::string error_of(const json& config) {
  try {
    read(config);
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

std::string error_with(const std::string& key, const json& value) {
  json config = tiny_llama();
  config[key] = value;
  return error_of(config);
}

TEST(ModelConfigJson, IsReadFromAPublishedLlama) {
  const ModelConfig config = read(tiny_llama());
  EXPECT_EQ(config.head_dim, 64);
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.memory.segment_length, 0);
  EXPECT_EQ(config.memory.update, "none");
  EXPECT_EQ(parameter_count(config), 1100048384) << "as its model card counts";
  EXPECT_EQ(memory_size(config), 0);
}

TEST(ModelConfigJson, HasTransformersDefaultsForWhatIsAbsent) {
  const ModelConfig config = read({{"model_type", "llama"},
                                   {"vocab_size", 10},
                                   {"hidden_size", 12},
                                   {"intermediate_size", 16},
                                   {"num_hidden_layers", 1},
                                   {"num_attention_heads", 3}});
  EXPECT_EQ(config.num_key_value_heads, 3);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_FALSE(config.tie_word_embeddings);
}

TEST(ModelConfigJson, ReadsTheRotaryEmbeddingAsTransformers4And5WriteIt) {
  json config = tiny_llama();
  config["rope_theta"] = 5e5;
  EXPECT_EQ(read(config).rope_theta, 5e5);
  config.erase("rope_theta");
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e6}};
  EXPECT_EQ(read(config).rope_theta, 1e6);
}

TEST(ModelConfigJson, RefusesRotaryEmbeddingsItDoesNotHave) {
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    EXPECT_THAT(error_with(key, {{"rope_type", "llama3"}, {"factor", 8.0}}),
                AllOf(HasSubstr("x/config.json"), HasSubstr(key), HasSubstr("\"llama3\""), HasSubstr("\"default\"")));
    EXPECT_THAT(error_with(key, {{"type", "linear"}, {"factor", 2.0}}), HasSubstr("\"linear\""));
  }
  EXPECT_THAT(error_with("partial_rotary_factor", 0.5), HasSubstr("partial_rotary_factor must be 1"));
}

TEST(ModelConfigJson, NamesWhatIsMissing) {
  for (const char* const key :
       {"model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"}) {
    json config = tiny_llama();
    config.erase(key);
    EXPECT_EQ(error_of(config), "x/config.json: the key " + std::string(key) + " is missing");
  }
  json config = tiny_llama();
  config["infini"] = {{"update", "delta"}};
  EXPECT_EQ(error_of(config), "x/config.json: infini: the key segment_length is missing");
}

TEST(ModelConfigJson, NamesWhatIsOfAWrongTypeOrImpossible) {
  EXPECT_EQ(error_with("hidden_size", "2048"), "x/config.json: hidden_size must be an integer, is \"2048\"");
  EXPECT_EQ(error_with("rms_norm_eps", true), "x/config.json: rms_norm_eps must be a number, is true");
  EXPECT_EQ(error_with("num_attention_heads", 0), "x/config.json: num_attention_heads must be at least 1, is 0");
  EXPECT_EQ(error_with("num_key_value_heads", 5),
            "x/config.json: num_key_value_heads must divide num_attention_heads (32), is 5");
  EXPECT_EQ(error_with("head_dim", 63), "x/config.json: head_dim must be even for the rotary embedding, is 63");
  EXPECT_THAT(error_with("hidden_size", 2047), HasSubstr("must be a multiple of num_attention_heads (32)"));
  EXPECT_EQ(error_with("infini", 5), "x/config.json: infini must be a JSON object, is 5");
  EXPECT_EQ(error_with("infini", {{"segment_length", 64}, {"update", "sum"}}),
            "x/config.json: infini.update must be linear, delta or none, is \"sum\"");
  EXPECT_THAT(error_with("infini", {{"segment_length", 0}, {"update", "delta"}}),
              HasSubstr("infini.segment_length must be at least 1"));
  EXPECT_EQ(error_of(json::array()), "x/config.json must be a JSON object, is []");
}

TEST(ModelConfigJson, RefusesAShortConvolutionThatCannotBe) {
  for (const int64_t width : {-1, 1, 9}) {
    EXPECT_EQ(error_with("short_convolution", width),
              "x/config.json: short_convolution must be 0 (none) or from 2 to 8, is " + std::to_string(width));
  }
  EXPECT_EQ(error_with("short_convolution", 8), "");
  json llama = tiny_llama();
  llama["short_convolution"] = 4;
  llama["infini"] = {{"kind", "rmt"}, {"segment_length", 64}, {"memory_tokens", 3}};
  EXPECT_EQ(error_of(llama), "x/config.json: short_convolution must be 0 for the kind of memory rmt, is 4");
  llama["infini"] = {{"update", "delta"}, {"segment_length", 64}, {"depth", {{"capacity", 0.5}, {"every", 2}}}};
  EXPECT_EQ(
      error_of(llama),
      "x/config.json: short_convolution must be 0 where depth.capacity is less than 1, is 4: tokens that go through "
      "a block are no neighbours in the text");
}

TEST(ModelConfigJson, RefusesOtherModels) {
  EXPECT_THAT(error_with("model_type", "mistral"), AllOf(HasSubstr("\"mistral\""), HasSubstr("\"llama\"")));
  EXPECT_THAT(error_with("hidden_act", "gelu"), HasSubstr("hidden_act must be \"silu\", is \"gelu\""));
  EXPECT_THAT(error_with("quantization_config", json::object()), HasSubstr("quantization_config"));
}

TEST(ModelConfigJson, ComesBackAsItWasWritten) {
  const ModelConfig config = {.vocab_size = 512,
                              .hidden_size = 96,
                              .intermediate_size = 100,
                              .num_hidden_layers = 3,
                              .num_attention_heads = 4,
                              .num_key_value_heads = 2,
                              .head_dim = 32,
                              .max_position_embeddings = 4096,
                              .rms_norm_eps = 3e-7,
                              .rope_theta = 5e5,
                              .tie_word_embeddings = false,
                              .attention_bias = true,
                              .mlp_bias = true,
                              .qk_norm = true,
                              .short_convolution = 0,
                              .initializer_range = 0.1,
                              .memory = {.segment_length = 128, .update = "delta"},
                              .depth = {.capacity = 0.5, .every = 2}};
  const json written = model_config_to_json(config);
  EXPECT_EQ(written["model_type"], "infini_llama");
  EXPECT_EQ(written["infini"], (json{{"kind", "infini"},
                                     {"segment_length", 128},
                                     {"update", "delta"},
                                     {"depth", {{"capacity", 0.5}, {"every", 2}}}}));
  EXPECT_TRUE(read(json::parse(written.dump())) == config);
}

TEST(ModelConfigJson, KeepsTheTokensThatBeginAndEndAText) {
  const ModelConfig one = read(tiny_llama());
  EXPECT_EQ(one.bos_token_id, 1);
  EXPECT_EQ(one.eos_token_ids, std::vector<int32_t>{2});
  EXPECT_EQ(model_config_to_json(one)["eos_token_id"], 2);
  json llama = tiny_llama();
  llama["eos_token_id"] = {128001, 128009};
  EXPECT_EQ(model_config_to_json(read(llama))["eos_token_id"], (json{128001, 128009}));
  llama["bos_token_id"] = nullptr;
  llama["eos_token_id"] = nullptr;
  const json none = model_config_to_json(read(llama));
  EXPECT_TRUE(none.at("bos_token_id").is_null() && none.at("eos_token_id").is_null()) << "not transformers' defaults";
  EXPECT_EQ(error_with("eos_token_id", "</s>"),
            "x/config.json: eos_token_id must be a token's id or a list of ids, is \"</s>\"");
  EXPECT_EQ(error_with("eos_token_id", {2, -1}),
            "x/config.json: eos_token_id must be a token's id or a list of ids, is [2,-1]");
}

TEST(ModelConfigJson, CallsItselfLlamaOnlyWhereTransformersWouldComputeTheSame) {
  const ModelConfig plain;
  EXPECT_EQ(model_config_to_json(plain)["model_type"], "llama");
  EXPECT_FALSE(model_config_to_json(plain).contains("infini"));
  EXPECT_TRUE(read(model_config_to_json(plain)) == plain);
  ModelConfig normed;
  normed.qk_norm = true;
  EXPECT_EQ(model_config_to_json(normed)["model_type"], "infini_llama");
  ModelConfig convolved;
  convolved.short_convolution = 4;
  EXPECT_EQ(model_config_to_json(convolved)["model_type"], "infini_llama");
  EXPECT_EQ(model_config_to_json(convolved)["short_convolution"], 4);
  EXPECT_TRUE(read(model_config_to_json(convolved)) == convolved);
  ModelConfig local;
  local.memory = {.segment_length = 64, .update = "none"};
  EXPECT_EQ(model_config_to_json(local)["model_type"], "infini_llama");
  EXPECT_TRUE(read(model_config_to_json(local)) == local);
}

TEST(ModelConfig, CountsThePapersMemory) {
  ModelConfig config;  // the paper's model
  config.memory = {.segment_length = 2048, .update = "linear"};
  EXPECT_EQ(memory_size(config), 1585152);
}

TEST(ModelConfig, CountsEveryKindOfParameter) {
  ModelConfig config = {.vocab_size = 7,
                        .hidden_size = 10,
                        .intermediate_size = 11,
                        .num_hidden_layers = 1,
                        .num_attention_heads = 4,
                        .num_key_value_heads = 2,
                        .head_dim = 6,
                        .memory = {},
                        .depth = {}};
  // embedding; q, k, v, o; gate, up, down; two norms; the last norm
  int64_t expected = 7 * 10 + 10 * 24 + 10 * 12 + 10 * 12 + 24 * 10 + 3 * 10 * 11 + 2 * 10 + 10;
  EXPECT_EQ(parameter_count(config), expected);
  config.tie_word_embeddings = false;
  EXPECT_EQ(parameter_count(config), expected += 7 * 10);
  config.attention_bias = true;
  EXPECT_EQ(parameter_count(config), expected += 24 + 12 + 12 + 10);
  config.mlp_bias = true;
  EXPECT_EQ(parameter_count(config), expected += 11 + 11 + 10);
  config.qk_norm = true;
  EXPECT_EQ(parameter_count(config), expected += 6 + 6);
  config.memory = {.segment_length = 8, .update = "linear"};
  EXPECT_EQ(parameter_count(config), expected += 4);
}

TEST(ModelConfig, ThrowsWhatIsAtFault) {
  ModelConfig config;
  config.validate();
  config.memory.update = "sum";
  EXPECT_THROW(config.validate(), UserError);
}

TEST(ModelConfigJson, EveryKindOfMemoryComesBackWithItsSizes) {
  ModelConfig config = read(tiny_llama());
  config.memory = {.segment_length = 64, .kind = "memorizing"};
  config.memory.cache_length = 32;
  config.memory.layer = 0;
  config.memory.slots = 1000;
  config.memory.neighbours = 7;
  const json written = model_config_to_json(config);
  EXPECT_EQ(written["infini"], (json{{"kind", "memorizing"},
                                     {"segment_length", 64},
                                     {"cache_length", 32},
                                     {"layer", 0},
                                     {"slots", 1000},
                                     {"neighbours", 7}}));
  EXPECT_TRUE(read(written) == config);
}

TEST(ModelConfigJson, RefusesSizesThatDoNotFitTheKindOfMemory) {
  const auto error = [](const json& infini) { return error_with("infini", infini); };
  const json xl = {{"kind", "transformer_xl"}, {"segment_length", 8}, {"cache_length", 8}};
  const auto with = [](json infini, const char* key, int64_t value) {
    infini[key] = value;
    return infini;
  };
  EXPECT_EQ(error_with("infini", xl), "");
  json without = xl;
  without.erase("cache_length");
  EXPECT_THAT(error(without),
              HasSubstr("infini.cache_length must be at least 1 for the kind transformer_xl, is not given"));
  EXPECT_THAT(error(with(xl, "slots", 3)), HasSubstr("infini.slots does not belong to the kind transformer_xl"));
  EXPECT_THAT(error(with(xl, "segment_length", 0)), HasSubstr("infini.segment_length must be at least 1"));
  const json compressive = {{"kind", "compressive"},
                            {"segment_length", 8},
                            {"cache_length", 9},
                            {"compressed_length", 4},
                            {"compression_rate", 4}};
  EXPECT_THAT(error(compressive), HasSubstr("infini.compression_rate must divide memory.cache_length (9), is 4"));
  const json memorizing = {{"kind", "memorizing"}, {"segment_length", 8}, {"cache_length", 8},
                           {"layer", 22},          {"slots", 5},          {"neighbours", 5}};
  EXPECT_THAT(error(memorizing), HasSubstr("infini.layer must be less than num_hidden_layers (22)"));
  EXPECT_THAT(error(with(with(memorizing, "layer", 0), "neighbours", 6)),
              HasSubstr("infini.neighbours must be at most memory.slots (5), is 6"));
}

}  // namespace
}  // namespace infini
