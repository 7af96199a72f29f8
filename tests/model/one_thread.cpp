// The tensors of these tests are tiny: several threads would only cost time.
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace infini {
namespace {

struct OneThread : testing::Environment {
  void SetUp() override { torch::set_num_threads(1); }
};

const testing::Environment* const kOneThread = testing::AddGlobalTestEnvironment(new OneThread);

}  // namespace
}  // namespace infini
