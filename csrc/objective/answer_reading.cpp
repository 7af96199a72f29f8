#include "objective/answer_reading.h"

namespace infini {

using torch::Tensor;

void AnswerReading::add(const AnswerReading& other) {
  if (!loss.defined()) {
    *this = other;
    return;
  }
  loss = loss + other.loss;
  correct = correct + other.correct;
  count = count + other.count;
}

AnswerReading read_answers(const CausalLanguageModel& model, const Tensor& hidden, const Tensor& targets,
                           const Tensor& answers, int64_t first) {
  const torch::NoGradGuard no_graph;
  const int64_t length = hidden.size(1);
  const Tensor places = answers - first;
  const Tensor inside = answers.ge(0).logical_and(places.ge(0)).logical_and(places.lt(length));
  const Tensor clamped = places.clamp(0, length - 1);  // places outside this part are read but not counted
  const Tensor wanted = targets.gather(1, clamped).clamp_min(0);
  const Tensor rows = hidden.gather(1, clamped.unsqueeze(2).expand({-1, -1, hidden.size(2)}));
  const Tensor log_probabilities = at::log_softmax(model.logits(rows).to(torch::kFloat32), 2);
  const Tensor losses = log_probabilities.gather(2, wanted.unsqueeze(2)).squeeze(2).neg();
  const Tensor correct = log_probabilities.argmax(2).eq(wanted).logical_and(inside);
  return {losses.masked_fill(inside.logical_not(), 0).sum(), correct.sum(1), inside.sum(1)};
}

Tensor answer_totals(const std::vector<AnswerReading>& readings) {
  Tensor sum;
  for (const AnswerReading& reading : readings) {
    const Tensor exact = reading.correct.eq(reading.count);
    const Tensor counts = torch::stack({reading.correct.sum(), exact.sum(), reading.count.sum()});
    const Tensor rows = torch::full({1}, exact.size(0), reading.loss.options());
    const Tensor values = torch::cat({reading.loss.reshape(1), counts.to(reading.loss.scalar_type()), rows});
    sum = sum.defined() ? sum + values : values;
  }
  return sum;
}

AnswerMetrics answer_metrics(const double* totals) {
  const double loss = totals[0], correct = totals[1], exact = totals[2], tokens = totals[3], rows = totals[4];
  return {loss / tokens, correct / tokens, exact / rows};
}

}  // namespace infini
