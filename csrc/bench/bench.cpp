#include "bench/bench.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "bench/stopwatch.h"
#include "bench/training_step.h"
#include "io/available_cores.h"
#include "log/progress.h"
#include "ops/ops.h"
#include "train/device.h"

namespace infini {
namespace {

AttentionSizes chunk_sizes(const TrainConfig& config) {
  const ModelConfig& model = config.model;
  const int64_t segment_length = config.segment_length();
  const int64_t tokens = std::min(config.train_length, segment_length * config.segments_per_chunk);
  return {
      config.batch_rows, model.num_attention_heads, model.num_key_value_heads, tokens, segment_length, model.head_dim,
      model.head_dim};
}

std::string dtype_name(torch::Dtype dtype) {
  return dtype == torch::kBFloat16 ? "bfloat16" : dtype == torch::kHalf ? "float16" : "float32";
}

/// The arguments of one call, and gradients for its outputs.
struct AttentionCall {
  AttentionCall(const AttentionSizes& sizes, torch::Device device, torch::Dtype dtype) {
    const auto normal = [&](int64_t heads, int64_t width) {
      return torch::randn({sizes.rows, heads, sizes.tokens, width}, device).to(dtype);
    };
    q = normal(sizes.heads, sizes.key_width);
    k = normal(sizes.key_value_heads, sizes.key_width);
    v = normal(sizes.key_value_heads, sizes.value_width);
    beta = torch::zeros({sizes.heads}, device);
    // The memory after one segment; an empty one would be skipped.
    const auto length = static_cast<double>(sizes.segment_length);
    memory = torch::randn({sizes.rows, sizes.key_value_heads, sizes.key_width, sizes.value_width}, device);
    norm = torch::full({sizes.rows, sizes.key_value_heads, sizes.key_width}, length, device);
    cos = torch::rand({sizes.segment_length, sizes.key_width}, device);
    sin = torch::rand({sizes.segment_length, sizes.key_width}, device);
    gradients = {normal(sizes.heads, sizes.value_width), torch::randn_like(memory), torch::randn_like(norm)};
    for (const torch::Tensor& input : inputs()) input.set_requires_grad(true);
    segment_length = sizes.segment_length;
  }

  std::vector<torch::Tensor> inputs() const { return {q, k, v, beta, memory, norm}; }

  std::vector<torch::Tensor> forward(const std::string& update) const {
    const auto [out, memory_out, norm_out] =
        ops::attention({q, k, v, beta, memory, norm, cos, sin, segment_length, update});
    return {out, memory_out, norm_out};
  }

  void forward_and_backward(const std::string& update) const {
    torch::autograd::grad(forward(update), inputs(), gradients);
  }

  torch::Tensor q, k, v, beta, memory, norm, cos, sin;
  std::vector<torch::Tensor> gradients;
  int64_t segment_length = 0;
};

}  // namespace

BenchResult measure_speed(const BenchOptions& options) {
  const TrainConfig& config = options.config;
  config.model.validate();
  const torch::Device device = choose_device(config.device);
  at::set_num_threads(static_cast<int>(config.threads > 0 ? config.threads : available_cores().count));
  const AttentionSizes sizes = chunk_sizes(config);
  const auto element_bytes = static_cast<int64_t>(torch::elementSize(options.dtype));

  BenchResult result;
  result.device = device.str();
  result.dtype = dtype_name(options.dtype);
  result.threads = at::get_num_threads();
  result.rounds = options.rounds;
  result.sizes = sizes;
  result.train_length = config.train_length;
  result.layers = config.model.num_hidden_layers;
  result.hidden_size = config.model.hidden_size;
  result.vocab_size = config.model.vocab_size;

  const int64_t per_update = (options.attention ? 2 : 0) + (options.training_step ? 1 : 0);
  const auto updates = static_cast<int64_t>(options.updates.size());
  Progress progress("bench", 1 + per_update * updates, "measurements");
  int64_t done = 0;
  torch::manual_seed(0);
  result.peak = measure_peak(device, options.dtype, options.rounds);
  progress.update(++done);
  const auto measure = [&](Measurement measurement, const std::function<void()>& work) {
    measurement.seconds = median(time_rounds(work, device, options.rounds));
    result.measurements.push_back(std::move(measurement));
    progress.update(++done);
  };

  if (options.attention) {
    const AttentionCall call(sizes, device, options.dtype);
    for (const std::string& update : options.updates) {
      const Work forward = attention_forward_work(sizes, update, element_bytes);
      const Work both = forward + attention_backward_work(sizes, update, element_bytes);
      const int64_t tokens = sizes.rows * sizes.tokens;
      measure({"attention", update, "forward", tokens, 0, forward}, [&] {
        const torch::NoGradGuard no_graph;
        call.forward(update);
      });
      measure({"attention", update, "forward + backward", tokens, 0, both}, [&] { call.forward_and_backward(update); });
    }
  }
  if (options.training_step) {
    for (const std::string& update : options.updates) {
      TrainConfig chosen = config;
      chosen.model.memory.update = update;
      TrainingStep step(chosen, device, options.dtype);
      const Work work = training_step_work(chosen.model, chosen.batch_rows * chosen.accumulation, chosen.train_length);
      const int64_t tokens = chosen.batch_rows * chosen.accumulation * chosen.train_length;
      measure({"training step", update, "with optimizer", tokens, 0, work}, [&] { step.run(); });
    }
  }
  progress.finish();
  return result;
}

}  // namespace infini
