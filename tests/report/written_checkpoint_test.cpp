#include <gtest/gtest.h>
#include <torch/torch.h>

#include "checkpoint/checkpoint.h"
#include "report/parameter_count.h"
#include "report/run_folder.h"

namespace infini::report {
namespace {

TEST(ParameterCount, AgreesWithTheTensorsOfACheckpointThatTheTrainerWrote) {
  TemporaryFolder folder;
  const NamedTensors weights = {{"model.embed_tokens.weight", torch::zeros({17, 6})},
                                {"model.layers.0.self_attn.q_proj.weight", torch::zeros({6, 6}, torch::kBFloat16)},
                                {"model.layers.0.self_attn.memory_gate", torch::zeros({2})}};
  int64_t elements = 0;
  for (const auto& [name, tensor] : weights) elements += tensor.numel();
  write_checkpoint(folder.path(), {{"model_type", "infini_llama"}}, weights);
  EXPECT_EQ(count_parameters(folder.path()), elements);
}

}  // namespace
}  // namespace infini::report
