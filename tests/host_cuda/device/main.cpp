// Runs the tests of kernels on a CUDA device; without one, skips them all.

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

namespace {

class CudaDevice : public ::testing::Environment {
 public:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "there is no CUDA device";
  }
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new CudaDevice);
  return RUN_ALL_TESTS();
}
