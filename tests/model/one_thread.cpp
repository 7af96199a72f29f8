// The tensors of these tests are so small that sharing them out among threads is all that would take time.
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
