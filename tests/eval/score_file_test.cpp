#include "eval/score_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "io/temporary_folder.h"
#include "log/error.h"
#include "model/small_model.h"

namespace infini {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class ScoreFile : public ::testing::Test {
 protected:
  std::filesystem::path ids(const std::string& text) const {
    testing::write_text(folder_ / "ids.txt", text);
    return folder_ / "ids.txt";
  }
  std::filesystem::path out() const { return folder_ / "losses.txt"; }
  std::vector<std::string> lines() const {
    std::ifstream stream(out());
    std::vector<std::string> result;
    for (std::string line; std::getline(stream, line);) result.push_back(line);
    return result;
  }
  int64_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), std::filesystem::directory_iterator());
  }
  void expect_refused(const std::string& text, const std::string& reason) const {
    const auto file = ids(text);
    EXPECT_THAT([&] { score_file(*model_, file, out()); },
                ThrowsMessage<UserError>(::testing::AllOf(HasSubstr(file.string()), HasSubstr(reason))));
    EXPECT_EQ(files(), 1) << "nothing half-written stays";
  }

  testing::TemporaryFolder folder_;
  std::shared_ptr<CausalLanguageModel> model_ = small_model("linear");
};

TEST_F(ScoreFile, HasOneLossALineForAllTokensButTheFirst) {
  const std::vector<int64_t> tokens = random_tokens(45);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i)
    text += std::to_string(tokens[i]) + (i % 7 == 0 ? "\n" : i % 3 ? " " : "\t ");
  EXPECT_EQ(score_file(*model_, ids(text), out(), {true, 16}), 44);
  const std::vector<std::string> written = lines();
  const std::vector<double> expected = plain_losses(*model_, tokens);
  ASSERT_EQ(written.size(), 44);
  for (size_t i = 0; i < written.size(); ++i) {
    EXPECT_TRUE(std::regex_match(written[i], std::regex("[0-9]+\\.[0-9]{6}"))) << written[i];
    EXPECT_NEAR(std::stod(written[i]), expected[i], 6e-7);
  }
  EXPECT_EQ(files(), 2);
}

TEST_F(ScoreFile, OfOneTokenIsEmpty) {
  EXPECT_EQ(score_file(*model_, ids("3\n"), out()), 0);
  EXPECT_TRUE(lines().empty());
  EXPECT_EQ(files(), 2);
}

TEST_F(ScoreFile, RefusesWhatIsNoId) {
  expect_refused("1 2 x 3", "token 2 (counted from 0) is 'x'");
  expect_refused("1 2 3.5", "token 2 (counted from 0) is '3.5'");
  expect_refused("1 -2 3", "token 1 (counted from 0) is -2");
  expect_refused("1 2 3 40", "ids from 0 to 39");
  expect_refused("1 99999999999999999999", "token 1 (counted from 0) is 99999999999999999999");
  expect_refused(" \n", "is empty");
}

TEST_F(ScoreFile, RefusesAMissingFile) {
  EXPECT_THAT([&] { score_file(*model_, folder_ / "nowhere", out()); },
              ThrowsMessage<UserError>(::testing::AllOf(HasSubstr("nowhere"), HasSubstr("No such file"))));
}

}  // namespace
}  // namespace infini
