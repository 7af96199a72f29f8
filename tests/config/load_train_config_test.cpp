#include "config/load_train_config.h"

#include <gmock/gmock.h>

#include "config/temporary_config.h"

namespace infini {
namespace {

using ::testing::StartsWith;

class LoadTrainConfig : public WithConfigFile {
 protected:
  // Every key, each with a value that is not its default.
  const std::string every_key_ = R"(
name: "yes: a name"
output_folder: elsewhere
device: cuda:1
threads: 3
precision: bfloat16
seed: 18446744073709551615
steps: 7
train_length: 512
batch_rows: 5
accumulation: 6
segments_per_chunk: 2
border_states: host
carry_memory: false
gradient_clip: 0.3
max_skipped_steps: 4
initial_checkpoint: some/folder
data:
  path: data/tokens
model:
  vocab_size: 512
  hidden_size: 96
  intermediate_size: 100
  num_hidden_layers: 3
  num_attention_heads: 4
  num_key_value_heads: 2
  head_dim: 32
  max_position_embeddings: 4096
  rms_norm_eps: 3e-7
  rope_theta: 5e5
  tie_word_embeddings: false
  attention_bias: true
  mlp_bias: true
  qk_norm: true
  initializer_range: 0.1
  memory:
    segment_length: 128
    update: delta
  depth:
    capacity: 0.25
    every: 3
optimizer:
  name: adafactor
  learning_rate: 0.0123456789012345678
  beta1: 0.8
  beta2: 0.7
  epsilon: 1e-9
  weight_decay: 0.2
  decay_exponent: 0.6
  clipping_threshold: 2
  scale_parameter: false
gate:
  initial_beta: -1.5
parameters:
  - match: "*.bias"
    learning_rate: 0.05
    weight_decay: 0.3
    trainable: false
schedule:
  warmup_steps: 8
  constant_steps: 15
  final_fraction: 0.25
checkpoint:
  every: 9
  keep_last: 10
logging:
  every: 11
  gates_every: 12
validation:
  every: 13
  tokens: 14
task:
  kind: variables
  digits: 6
  needles: 7
  fillers: [grass, "winter"]
  documents: true
  language_loss: 0.5
curriculum:
  shortest: [1, 2]
  longest:
    - 3
    - 4
  until_loss: 0.2
  stage_steps: 100
memory_gain:
  largest: [1.5, 1024]
  segments: all
early_stop:
  metric: exact_match
  patience: 3
)";

  static void expect_every_key(const TrainConfig& config) {
    // The structured bindings must have as many names as there are fields. So a new field stops this file from
    // compiling until the test has it too.
    const auto& [name, output_folder, device, threads, precision, seed, steps, train_length, batch_rows, accumulation,
                 segments_per_chunk, shortest_segment, border_states, carry_memory, gradient_clip, max_skipped_steps,
                 initial_checkpoint, data, model, gate, optimizer, parameters, schedule, checkpoint, logging,
                 validation, task, curriculum, memory_gain, early_stop] = config;
    EXPECT_EQ(name, "yes: a name");
    EXPECT_EQ(std::filesystem::absolute(output_folder), std::filesystem::absolute("elsewhere"));
    EXPECT_EQ(device, "cuda:1");
    EXPECT_EQ(threads, 3);
    EXPECT_EQ(precision, "bfloat16");
    EXPECT_EQ(seed, 18446744073709551615u);
    EXPECT_EQ(steps, 7);
    EXPECT_EQ(train_length, 512);
    EXPECT_EQ(batch_rows, 5);
    EXPECT_EQ(accumulation, 6);
    EXPECT_EQ(segments_per_chunk, 2);
    EXPECT_EQ(shortest_segment, 0) << "belongs to another kind of memory; see below";
    EXPECT_EQ(border_states, "host");
    EXPECT_FALSE(carry_memory);
    EXPECT_EQ(gradient_clip, 0.3);
    EXPECT_EQ(max_skipped_steps, 4);
    EXPECT_EQ(std::filesystem::absolute(initial_checkpoint), std::filesystem::absolute("some/folder"));
    EXPECT_EQ(std::filesystem::absolute(data.path), std::filesystem::absolute("data/tokens"));
    const ModelConfig expected_model = {.vocab_size = 512,
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
                                        .short_convolution = 0,  // excludes a depth; see below
                                        .initializer_range = 0.1,
                                        .memory = {.segment_length = 128, .update = "delta"},
                                        .depth = {.capacity = 0.25, .every = 3}};
    EXPECT_TRUE(model == expected_model);
    EXPECT_EQ(gate.initial_beta, -1.5);
    ASSERT_EQ(parameters.size(), 4u);
    const auto& [match, rule_learning_rate, rule_weight_decay, trainable] = parameters[0];
    EXPECT_EQ(match, "*.bias");
    EXPECT_EQ(rule_learning_rate, 0.05);
    EXPECT_EQ(rule_weight_decay, 0.3);
    EXPECT_FALSE(trainable);
    const auto& [optimizer_name, learning_rate, beta1, beta2, epsilon, weight_decay, decay_exponent, clipping_threshold,
                 scale_parameter] = optimizer;
    EXPECT_EQ(optimizer_name, "adafactor");
    EXPECT_EQ(learning_rate, 0.0123456789012345678);
    EXPECT_EQ(beta1, 0.8);
    EXPECT_EQ(beta2, 0.7);
    EXPECT_EQ(epsilon, 1e-9);
    EXPECT_EQ(weight_decay, 0.2);
    EXPECT_EQ(decay_exponent, 0.6);
    EXPECT_EQ(clipping_threshold, 2);
    EXPECT_FALSE(scale_parameter);
    const auto& [warmup_steps, constant_steps, final_fraction] = schedule;
    EXPECT_EQ(warmup_steps, 8);
    EXPECT_EQ(constant_steps, 15);
    EXPECT_EQ(final_fraction, 0.25);
    const auto& [checkpoint_every, keep_last] = checkpoint;
    EXPECT_EQ(checkpoint_every, 9);
    EXPECT_EQ(keep_last, 10);
    const auto& [logging_every, gates_every] = logging;
    EXPECT_EQ(logging_every, 11);
    EXPECT_EQ(gates_every, 12);
    const auto& [validation_every, validation_tokens] = validation;
    EXPECT_EQ(validation_every, 13);
    EXPECT_EQ(validation_tokens, 14);
    const auto& [kind, digits, needles, fillers, documents, language_loss] = task;
    EXPECT_EQ(kind, "variables");
    EXPECT_EQ(digits, 6);
    EXPECT_EQ(needles, 7);
    EXPECT_EQ(fillers, (std::vector<std::string>{"grass", "winter"}));
    EXPECT_TRUE(documents);
    EXPECT_EQ(language_loss, 0.5);
    const auto& [shortest, longest, until_loss, stage_steps] = curriculum;
    EXPECT_EQ(shortest, (std::vector<int64_t>{1, 2}));
    EXPECT_EQ(longest, (std::vector<int64_t>{3, 4}));
    EXPECT_EQ(until_loss, 0.2);
    EXPECT_EQ(stage_steps, 100);
    const auto& [largest, gain_segments] = memory_gain;
    EXPECT_EQ(largest, (std::vector<double>{1.5, 1024}));
    EXPECT_EQ(gain_segments, "all");
    const auto& [metric, patience] = early_stop;
    EXPECT_EQ(metric, "exact_match");
    EXPECT_EQ(patience, 3);
  }
};

TEST_F(LoadTrainConfig, ReadsEveryKey) { expect_every_key(load(every_key_)); }

TEST_F(LoadTrainConfig, ReadsWhatATaskRulesOut) {
  EXPECT_TRUE(load("data: {path: x}\ncarry_memory: true\n").carry_memory);
}

TEST_F(LoadTrainConfig, ReadsAndWritesAShortConvolutionWhereThereIsOne) {
  const std::string text =
      "data: {path: x}\nmodel:\n  short_convolution: 4\n  memory: {update: delta, segment_length: 8}\n";
  EXPECT_EQ(load(text).model.short_convolution, 4);
  EXPECT_EQ(load(to_yaml(load(text))).model.short_convolution, 4);
  EXPECT_THAT(to_yaml(load("data: {path: x}")), ::testing::Not(::testing::HasSubstr("short_convolution")));
}

TEST_F(LoadTrainConfig, RefusesAShortConvolutionThatCannotBe) {
  const auto error = [&](const std::string& width, const std::string& memory) {
    return error_of("data: {path: x}\nmodel:\n  short_convolution: " + width + "\n  memory: " + memory + "\n");
  };
  EXPECT_EQ(error("1", "{segment_length: 8, update: delta}"),
            "a.yaml:3: model.short_convolution must be 0 (none) or from 2 to 8, is 1");
  EXPECT_EQ(error("9", "{segment_length: 8, update: delta}"),
            "a.yaml:3: model.short_convolution must be 0 (none) or from 2 to 8, is 9");
  EXPECT_EQ(error("4", "{segment_length: 8, kind: rmt, memory_tokens: 2}"),
            "a.yaml:3: model.short_convolution must be 0 for the kind of memory rmt, is 4");
}

TEST_F(LoadTrainConfig, ReadsListsFromTheCommandLine) {
  const TrainConfig config = load(every_key_, {"curriculum.longest=[8,16]", "task.fillers=[sea, grass]"});
  EXPECT_EQ(config.curriculum.longest, (std::vector<int64_t>{8, 16}));
  EXPECT_EQ(config.task.fillers, (std::vector<std::string>{"sea", "grass"}));
}

TEST_F(LoadTrainConfig, ATaskCanDoWithoutData) {
  EXPECT_EQ(load("task: {kind: passkey}\n").data.path, "");
  EXPECT_THAT(error_of("task: {kind: passkey, documents: true}\n"), StartsWith("a.yaml: data.path is missing"));
}

TEST_F(LoadTrainConfig, ReadsBackExactlyWhatItWrites) {
  const std::string yaml = to_yaml(load(every_key_));
  expect_every_key(load(yaml));
  EXPECT_EQ(to_yaml(load(yaml)), yaml);

  const std::string of_defaults = to_yaml(load("data:\n  path: x"));
  EXPECT_EQ(to_yaml(load(of_defaults)), of_defaults);
}

TEST_F(LoadTrainConfig, WritesPathsThatHoldInEveryFolder) {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::string yaml = to_yaml(load("data: {path: tokens}\noutput_folder: ../runs\n"));
  std::filesystem::current_path("/");
  const TrainConfig elsewhere = load(yaml);
  std::filesystem::current_path(before);
  EXPECT_EQ(elsewhere.data.path, before / "tokens");
  EXPECT_EQ(elsewhere.output_folder, before.parent_path() / "runs");
  EXPECT_EQ(elsewhere.initial_checkpoint, "") << "none stays none";
}

TEST_F(LoadTrainConfig, WritesTheMemoryInBlockStyle) {
  EXPECT_THAT(to_yaml(load(every_key_)),
              ::testing::HasSubstr("\n  memory:\n    kind: infini\n    segment_length: 128\n    update: delta\n"));
}

TEST_F(LoadTrainConfig, WritesTextsThatNeedQuotesSoThatTheyReadBack) {
  for (const std::string name :
       {"true", "5", "null", "~", "a: b", "#x", " x ", "\"q\"", "'", "é\n", "- a", "{", "*a"}) {
    TrainConfig config = load("data:\n  path: x");
    config.name = name;
    EXPECT_EQ(load(to_yaml(config)).name, name);
  }
}

TEST_F(LoadTrainConfig, KeepsTheDefaultsOfKeysLeftOut) {
  const TrainConfig config = load("data:\n  path: x\nmodel:\n");
  const TrainConfig defaults;
  EXPECT_EQ(config.steps, defaults.steps);
  EXPECT_EQ(config.optimizer.beta2, defaults.optimizer.beta2);
  EXPECT_EQ(config.model.intermediate_size, defaults.model.intermediate_size);
}

TEST_F(LoadTrainConfig, DerivesHeadsAndPositionsThatAreLeftOut) {
  const TrainConfig config = load(R"(
data: {path: x}
train_length: 512
model: {hidden_size: 192, num_attention_heads: 3, memory: {segment_length: 64, update: linear}})");
  EXPECT_EQ(config.model.head_dim, 64);
  EXPECT_EQ(config.model.num_key_value_heads, 3);
  EXPECT_EQ(config.model.max_position_embeddings, 64);
  EXPECT_EQ(config.model.vocab_size, 0) << "the data's";
  EXPECT_EQ(load("data: {path: x}\ntrain_length: 500").model.max_position_embeddings, 500);
}

TEST_F(LoadTrainConfig, LetsOverridesWinAndTheLastOfThemMost) {
  const TrainConfig config = load(every_key_, {"steps=1", "steps=2", "model.memory.update=linear", "name=a=b",
                                               "initial_checkpoint=", "data.path=with a space"});
  EXPECT_EQ(config.steps, 2);
  EXPECT_EQ(config.model.memory.update, "linear");
  EXPECT_EQ(config.name, "a=b");
  EXPECT_EQ(config.initial_checkpoint, "");
  EXPECT_EQ(config.data.path, "with a space");
}

TEST_F(LoadTrainConfig, NamesLineAndNearestKeyOfAMisspeltOne) {
  EXPECT_EQ(error_of("model:\n  memory:\n    segment_lenght: 128\n"),
            "a.yaml:3: unknown key model.memory.segment_lenght; did you mean segment_length?");
  EXPECT_EQ(error_of("steps: 5\nmodle:\n  hidden_size: 4\n"), "a.yaml:2: unknown key modle; did you mean model?");
  EXPECT_EQ(error_of("\nlearning_rate: 1\n"),
            "a.yaml:2: unknown key learning_rate; did you mean optimizer.learning_rate?");
  EXPECT_EQ(error_of("optimizer:\n  weigth_decay: 1\n"),
            "a.yaml:2: unknown key optimizer.weigth_decay; did you mean weight_decay?");
  EXPECT_EQ(error_of("model:\n  update: delta\n"),
            "a.yaml:2: unknown key model.update; did you mean model.memory.update?");
}

TEST_F(LoadTrainConfig, NamesAMisspeltOverride) {
  EXPECT_EQ(error_of(every_key_, {"model.memroy.update=delta"}),
            "--set model.memroy.update=delta: unknown key model.memroy; did you mean memory?");
  EXPECT_EQ(error_of(every_key_, {"stps=5"}), "--set stps=5: unknown key stps; did you mean steps?");
  EXPECT_EQ(error_of(every_key_, {"steps"}), "--set steps: expected key=value, as in model.memory.update=delta");
  EXPECT_EQ(error_of(every_key_, {"model=5"}), "--set model=5: model is a section; set one of its keys");
  EXPECT_EQ(error_of(every_key_, {"steps.x=5"}), "--set steps.x=5: steps has a value and no keys");
}

TEST_F(LoadTrainConfig, RefusesAKeyThatIsGivenTwice) {
  EXPECT_EQ(error_of("steps: 5\ntrain_length: 6\nsteps: 7\n"), "a.yaml:3: steps is given twice, before at a.yaml:1");
  EXPECT_EQ(error_of("data:\n  path: x\ndata:\n  path: y\n"), "a.yaml:3: data is given twice, before at a.yaml:1");
}

TEST_F(LoadTrainConfig, RefusesValuesOfAWrongType) {
  EXPECT_EQ(error_of("steps: many"), "a.yaml:1: steps must be an integer, is \"many\"");
  EXPECT_EQ(error_of("steps: 1.5"), "a.yaml:1: steps must be an integer, is \"1.5\"");
  EXPECT_EQ(error_of("steps: \"5\""), "a.yaml:1: steps must be an integer, is \"5\"");
  EXPECT_EQ(error_of("steps: 9223372036854775808"), "a.yaml:1: steps must be an integer, is \"9223372036854775808\"");
  EXPECT_EQ(error_of("seed: -1"), "a.yaml:1: seed must be an integer from 0 to 2^64 - 1, is \"-1\"");
  EXPECT_EQ(error_of("gradient_clip: .nan"), "a.yaml:1: gradient_clip must be a number, is \".nan\"");
  EXPECT_EQ(error_of("gradient_clip: inf"), "a.yaml:1: gradient_clip must be a number, is \"inf\"");
  EXPECT_EQ(error_of("optimizer:\n  epsilon: 1e-50\n"),
            "a.yaml:2: optimizer.epsilon must be a number that float32 holds: 0, or in size from 1.2e-38 to 3.4e38, is "
            "\"1e-50\"");
  EXPECT_THAT(error_of("memory_gain: {largest: [1, 1e39]}"), ::testing::HasSubstr("that float32 holds"));
  EXPECT_EQ(error_of("carry_memory: 1"), "a.yaml:1: carry_memory must be true or false, is \"1\"");
  EXPECT_EQ(error_of("steps: [1, 2]"), "a.yaml:1: steps must be an integer, is a list");
  EXPECT_EQ(error_of("curriculum: {longest: [1, x]}"),
            "a.yaml:1: curriculum.longest must be a list of integers, as [1, 2], is \"[1, x]\"");
  EXPECT_EQ(error_of("memory_gain: {largest: 5}"),
            "a.yaml:1: memory_gain.largest must be a list of numbers, as [1, 2], is \"5\"");
  EXPECT_EQ(error_of("name: {a: b}"), "a.yaml:1: name must be a text, is a section");
  EXPECT_EQ(error_of("data:\n  path:\n"), "a.yaml:2: data.path must be a text, is nothing");
  EXPECT_EQ(error_of("steps: 1\nmodel: 5\n"), "a.yaml:2: model must be keys with values, as in vocab_size: …");
  EXPECT_EQ(error_of("- steps\n"), "a.yaml:1: a configuration must be keys with values, as in steps: 1000");
  EXPECT_EQ(error_of(every_key_, {"steps=x"}), "--set steps=x: steps must be an integer, is \"x\"");
}

TEST_F(LoadTrainConfig, RefusesImpossibleValues) {
  EXPECT_EQ(error_of("data: {path: x}\nsegments_per_chunk: 0\n"),
            "a.yaml:2: segments_per_chunk must be at least 1, is 0");
  EXPECT_EQ(error_of("data:\n  path: x\noptimizer:\n  learning_rate: -0.001\n"),
            "a.yaml:4: optimizer.learning_rate must be at least 0, is -0.001");
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"model.memory.update=dleta", "model.memory.update must be linear, delta or none, is dleta"},
      {"optimizer.name=sgd", "optimizer.name must be adamw or adafactor, is sgd"},
      {"precision=float16", "precision must be float32 or bfloat16, is float16"},
      {"border_states=disk", "border_states must be device or host, is disk"},
      {"device=gpu", "device must be auto, cpu, cuda or cuda:N, is gpu"},
      {"device=cuda:", "device must be auto, cpu, cuda or cuda:N, is cuda:"},
      {"name=a/b", "name must be the name of a folder in output_folder, is \"a/b\""},
      {"optimizer.beta2=1", "optimizer.beta2 must be at least 0 and less than 1, is 1"},
      {"optimizer.epsilon=0", "optimizer.epsilon must be more than 0, is 0"},
      {"schedule.final_fraction=1.5", "schedule.final_fraction must be at least 0 and at most 1, is 1.5"},
      {"checkpoint.keep_last=0", "checkpoint.keep_last must be at least 1, is 0"},
      {"model.num_key_value_heads=3", "model.num_key_value_heads must divide num_attention_heads (4), is 3"},
      {"model.head_dim=33", "model.head_dim must be even for the rotary embedding, is 33"},
      {"model.hidden_size=0", "model.hidden_size must be at least 1, is 0"},
      {"curriculum.shortest=[0, 2]", "curriculum.shortest must be at least 1, is [0, 2]"},
      {"curriculum.longest=[2, 4, 8]",
       "curriculum.shortest must have one value, or as many as there are stages (3), has 2"},
      {"curriculum.shortest=[1, 5]",
       "curriculum.shortest is 5 segments in stage 2, more than the longest sequence there, 4 segments"},
      {"carry_memory=true", "carry_memory must be false for a task: each example is a text of its own"},
      {"task.kind=none", "curriculum.shortest belongs to a task; set task.kind, or leave it out"},
      {"validation.every=0", "early_stop.metric is read in validations, but validation.every is 0: set it to steps"},
      {"model.memory.segment_length=100",
       "train_length must be a multiple of model.memory.segment_length (100), is 512; 500 or 600 would do"},
      {"train_length=500",
       "train_length must be a multiple of model.memory.segment_length (128), is 500; 384 or 512 would do"},
  };
  for (const auto& [text, message] : faults) {
    EXPECT_EQ(error_of(every_key_, {text}), "--set " + text + ": " + message);
  }
  EXPECT_THAT(error_of("steps: 5\n"), StartsWith("a.yaml: data.path is missing"));
}

TEST_F(LoadTrainConfig, PointsAtTheLineOfTheValueAtFaultInTheModel) {
  EXPECT_EQ(error_of("data:\n  path: x\ntrain_length: 1000\nmodel:\n  memory:\n    segment_length: 128\n    update: "
                     "linear\n"),
            "a.yaml:3: train_length must be a multiple of model.memory.segment_length (128), is 1000; 896 or 1024 "
            "would do");
  EXPECT_EQ(error_of("data:\n  path: x\nmodel:\n  hidden_size: 100\n"),
            "a.yaml:4: model.num_attention_heads must divide model.hidden_size (100) where model.head_dim is not "
            "given, is 8");
}

TEST_F(LoadTrainConfig, NamesAFileThatIsMissingOrNoYaml) {
  EXPECT_THROW(load_train_config(folder_ / "absent.yaml", {}), UserError);
  EXPECT_EQ(error_of("steps: 1\nseed: [2\n"), "a.yaml:3: not valid YAML: end of sequence flow not found");
  EXPECT_EQ(error_of("steps: 1\n---\nsteps: 2\n"), "a.yaml:3: a second YAML document; a configuration is one");
  try {
    load_train_config(folder_, {});
    ADD_FAILURE() << "a folder was read";
  } catch (const UserError& error) {
    EXPECT_EQ(error.what(), folder_.string() + " is a folder; give a YAML file");
  }
}

}  // namespace
}  // namespace infini
