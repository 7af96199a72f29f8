#include "eval/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "log/error.h"

namespace infini {
namespace {

std::vector<float> finite_logits(const torch::Tensor& logits) {
  const torch::Tensor values = logits.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* data = values.const_data_ptr<float>();
  std::vector<float> result(data, data + values.numel());
  if (!std::all_of(result.begin(), result.end(), [](float value) { return std::isfinite(value); })) {
    throw std::runtime_error("the model's logits are not finite: its weights are damaged or its training diverged");
  }
  return result;
}

void check(bool good, const char* option, const char* range, double value) {
  if (good) return;
  std::ostringstream message;
  message << option << " must be " << range << ", but is " << value;
  throw UserError(message.str());
}

}  // namespace

std::vector<Candidate> nucleus(const torch::Tensor& logits, float temperature, float top_p) {
  const std::vector<float> values = finite_logits(logits);
  const float largest = *std::max_element(values.begin(), values.end());
  std::vector<Candidate> candidates(values.size());
  float sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float weight = std::exp((values[i] - largest) / temperature);
    candidates[i] = {static_cast<int64_t>(i), weight};
    sum += weight;
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });

  const float wanted = top_p * sum;
  float reached = 0;
  size_t size = 0;
  while (size < candidates.size() && (size == 0 || reached < wanted)) reached += candidates[size++].second;
  candidates.resize(size);
  for (Candidate& candidate : candidates) candidate.second /= reached;
  return candidates;
}

Sampler::Sampler(double temperature, double top_p, uint64_t seed)
    : temperature_(static_cast<float>(temperature)), top_p_(static_cast<float>(top_p)), generator_(seed) {
  // Values are used in float32, where a smaller number becomes 0 and a larger one infinite.
  const bool normal = std::isnormal(temperature_) && temperature_ > 0;
  check(temperature == 0 || normal, "temperature", "0 (greedy), or from 1.2e-38 to 3.4e38", temperature);
  check(std::isnormal(top_p_) && top_p_ > 0 && top_p <= 1, "top-p", "from 1.2e-38 to 1", top_p);
}

int64_t Sampler::sample(const torch::Tensor& logits) {
  if (temperature_ == 0) {
    const std::vector<float> values = finite_logits(logits);
    return std::max_element(values.begin(), values.end()) - values.begin();
  }
  const std::vector<Candidate> candidates = nucleus(logits, temperature_, top_p_);
  // 24 random bits fill the mantissa of a float. std::uniform_real_distribution differs between libraries.
  float left = static_cast<float>(generator_() >> 40) * 0x1p-24f;
  for (const Candidate& candidate : candidates) {
    if (left < candidate.second) return candidate.first;
    left -= candidate.second;
  }
  return candidates.back().first;
}

}  // namespace infini
