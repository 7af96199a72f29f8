#include "report/parameter_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/run_folder.h"

namespace infini::report {
namespace {

using testing::HasSubstr;

const std::string kTensor = R"({"dtype":"F32","shape":[)";

TEST(ParameterCount, SumsTheElementsOfAllTensorsAndCountsAScalarOnce) {
  TemporaryFolder folder;
  folder.write("model.safetensors",
               safetensors_file(R"({"__metadata__":{"shape":"none"},"a":)" + kTensor + R"(3,5,7]},"scalar":)" +
                                kTensor + R"(]},"empty":)" + kTensor + R"(0,9]}})"));
  EXPECT_EQ(count_parameters(folder.path()), 3 * 5 * 7 + 1);
}

TEST(ParameterCount, CountsEachShardOnce) {
  TemporaryFolder folder;
  folder.write("one.safetensors", safetensors_file(R"({"a":)" + kTensor + R"(10]},"b":)" + kTensor + R"(20]}})"));
  folder.write("two.safetensors", safetensors_file(R"({"c":)" + kTensor + R"(300]}})"));
  folder.write("model.safetensors.index.json",
               R"({"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}})");
  EXPECT_EQ(count_parameters(folder.path()), 330);
}

TEST(ParameterCount, NamesTheFileThatIsMissingOrDamaged) {
  TemporaryFolder folder;
  const auto error = [&] { return user_error([&] { count_parameters(folder.path()); }); };
  EXPECT_THAT(error(), HasSubstr("model.safetensors is missing"));
  folder.write("model.safetensors", "1234");
  EXPECT_THAT(error(), HasSubstr("shorter than the 8 bytes"));
  const std::string whole = safetensors_file(R"({"a":)" + kTensor + R"(10]}})");
  folder.write("model.safetensors", whole.substr(0, whole.size() - 1));
  EXPECT_THAT(error(), HasSubstr("its header should have"));
  folder.write("model.safetensors", std::string(8, '\xFF') + "{}");
  EXPECT_THAT(error(), HasSubstr("its header should have"));
  folder.write("model.safetensors", safetensors_file("{\"a\": 1}"));
  EXPECT_THAT(error(), HasSubstr("not a whole safetensors file"));
}

}  // namespace
}  // namespace infini::report
