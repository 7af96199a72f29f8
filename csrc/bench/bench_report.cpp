#include "bench/bench_report.h"

#include <cstdio>

namespace infini {
namespace {

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[200];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

constexpr double kGiga = 1e9;

}  // namespace

std::string to_text(const BenchResult& result) {
  const AttentionSizes& sizes = result.sizes;
  std::string text =
      format("device %s, %s, %lld CPU threads, median of %lld rounds\n", result.device.c_str(), result.dtype.c_str(),
             static_cast<long long>(result.threads), static_cast<long long>(result.rounds));
  text += format("peak, measured: %.1f GFLOP/s (torch's matrix product), %.1f GB/s (copy)\n",
                 result.peak.operations_per_second / kGiga, result.peak.bytes_per_second / kGiga);
  text += format("attention: %lld x %lld tokens in segments of %lld, %lld heads, %lld key/value heads, width %lld\n",
                 static_cast<long long>(sizes.rows), static_cast<long long>(sizes.tokens),
                 static_cast<long long>(sizes.segment_length), static_cast<long long>(sizes.heads),
                 static_cast<long long>(sizes.key_value_heads), static_cast<long long>(sizes.key_width));
  text += format("training step: sequences of %lld tokens, %lld layers of width %lld, a vocabulary of %lld\n\n",
                 static_cast<long long>(result.train_length), static_cast<long long>(result.layers),
                 static_cast<long long>(result.hidden_size), static_cast<long long>(result.vocab_size));
  text += format("%-13s  %-6s  %-18s  %10s  %12s  %12s  %8s  %10s  %8s\n", "what", "update", "pass", "ms", "tokens/s",
                 "GFLOP/s", "of peak", "GB/s", "of peak");
  for (const Measurement& line : result.measurements) {
    text +=
        format("%-13s  %-6s  %-18s  %10.3f  %12.0f  %12.1f  %7.1f%%  ", line.name.c_str(), line.update.c_str(),
               line.pass.c_str(), line.seconds * 1e3, line.tokens_per_second(), line.operations_per_second() / kGiga,
               100 * line.operations_per_second() / result.peak.operations_per_second);
    text += line.work.bytes > 0 ? format("%10.1f  %7.1f%%\n", line.bytes_per_second() / kGiga,
                                         100 * line.bytes_per_second() / result.peak.bytes_per_second)
                                : format("%10s  %8s\n", "-", "-");
  }
  return text;
}

nlohmann::ordered_json to_json(const BenchResult& result) {
  nlohmann::ordered_json measurements = nlohmann::ordered_json::array();
  for (const Measurement& line : result.measurements) {
    nlohmann::ordered_json entry = {
        {"name", line.name},
        {"update", line.update},
        {"pass", line.pass},
        {"tokens", line.tokens},
        {"seconds", line.seconds},
        {"tokens_per_second", line.tokens_per_second()},
        {"operations", line.work.operations},
        {"operations_per_second", line.operations_per_second()},
        {"share_of_peak_operations", line.operations_per_second() / result.peak.operations_per_second}};
    if (line.work.bytes > 0) {
      entry["bytes"] = line.work.bytes;
      entry["bytes_per_second"] = line.bytes_per_second();
      entry["share_of_peak_bytes"] = line.bytes_per_second() / result.peak.bytes_per_second;
    }
    measurements.push_back(std::move(entry));
  }
  const AttentionSizes& sizes = result.sizes;
  return {{"device", result.device},
          {"dtype", result.dtype},
          {"threads", result.threads},
          {"rounds", result.rounds},
          {"attention",
           {{"rows", sizes.rows},
            {"tokens", sizes.tokens},
            {"segment_length", sizes.segment_length},
            {"heads", sizes.heads},
            {"key_value_heads", sizes.key_value_heads},
            {"head_dim", sizes.key_width}}},
          {"training_step",
           {{"train_length", result.train_length},
            {"layers", result.layers},
            {"hidden_size", result.hidden_size},
            {"vocab_size", result.vocab_size}}},
          {"peak",
           {{"operations_per_second", result.peak.operations_per_second},
            {"bytes_per_second", result.peak.bytes_per_second}}},
          {"measurements", std::move(measurements)}};
}

}  // namespace infini
