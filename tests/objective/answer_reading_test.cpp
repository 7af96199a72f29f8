#include "objective/answer_reading.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"

namespace infini {
namespace {

using torch::Tensor;

TEST(AnswerReading, CountsAndLossesAreThoseOfTheLogitsAtTheAnswersPlaces) {
  const auto model = double_model(tiny_config("linear"));
  torch::manual_seed(2);
  const int64_t rows = 3, length = 12;
  const Tensor hidden = torch::randn({rows, length, model->config().hidden_size}, torch::kFloat64);
  Tensor targets = torch::randint(model->config().vocab_size, {rows, length}, torch::kInt64);
  const Tensor answers = torch::tensor({3, 4, 11, 0, 5, -1, 7, 8, 9}, torch::kInt64).view({3, 3});
  const Tensor best = model->logits(hidden).argmax(2);
  targets[0][3] = best[0][3];  // at least one right answer
  double loss = 0;
  std::vector<int64_t> correct(3), count(3);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = 0; k < 3; ++k) {
      const int64_t place = answers[row][k].item<int64_t>();
      if (place < 0) continue;
      const Tensor logits = model->logits(hidden)[row][place];
      const int64_t target = targets[row][place].item<int64_t>();
      loss += (logits.logsumexp(0) - logits[target]).item<double>();
      correct[row] += best[row][place].item<int64_t>() == target;
      ++count[row];
    }
  }
  const AnswerReading whole = read_answers(*model, hidden, targets, answers, 0);
  EXPECT_NEAR(whole.loss.item<double>(), loss, 1e-4);
  EXPECT_TRUE(whole.correct.equal(torch::tensor(correct)));
  EXPECT_TRUE(whole.count.equal(torch::tensor(count)));

  // Read in two parts, with answer tokens in both.
  AnswerReading parts = read_answers(*model, hidden.slice(1, 0, 8), targets.slice(1, 0, 8), answers, 0);
  parts.add(read_answers(*model, hidden.slice(1, 8), targets.slice(1, 8), answers, 8));
  EXPECT_NEAR(parts.loss.item<double>(), loss, 1e-4);
  EXPECT_TRUE(parts.correct.equal(whole.correct));
  EXPECT_TRUE(parts.count.equal(whole.count));
}

}  // namespace
}  // namespace infini
