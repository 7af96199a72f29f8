#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The bytes of TensorBoard's event files. Debian has no C++ package for them. Scalars and histograms need only a small
/// part of protobuf and TFRecord, so both are written by hand here.
namespace infini::tensorboard {

using Scalars = std::vector<std::pair<std::string, double>>;

/// How many values fall between two limits, with the numbers that TensorBoard shows beside.
struct Histogram {
  double min = 0, max = 0, count = 0, sum = 0, sum_of_squares = 0;
  std::vector<double> limits;  ///< the upper end of each bucket
  std::vector<double> counts;  ///< values in each bucket: above the limit before, up to its own
};
using Histograms = std::vector<std::pair<std::string, Histogram>>;

/// The histogram of values between `low` and `high` over `buckets` buckets of equal width. Those before the first value
/// and after the last one are left out. TensorBoard draws the first bucket from the smallest value on, and the last one
/// up to the largest. `values` has at least one, and no value is outside.
Histogram histogram_of(const std::vector<double>& values, double low, double high, int64_t buckets);

/// CRC-32C (Castagnoli), which TFRecord uses.
uint32_t crc32c(std::string_view bytes);

/// A TFRecord: length (uint64), masked CRC of the length, payload, masked CRC of the payload; all little-endian.
std::string record(std::string_view payload);

/// tensorflow.Event messages. The first message in a file names the format's version. `session_start` makes TensorBoard
/// drop the values of earlier files for `step` and later steps.
std::string file_version(double wall_time);
std::string session_start(double wall_time, int64_t step);
std::string summary(double wall_time, int64_t step, const Scalars& scalars, const Histograms& histograms = {});

}  // namespace infini::tensorboard
