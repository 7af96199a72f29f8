#include "train/tensorboard_event.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace infini::tensorboard {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
    table[byte] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kCrcTable = crc_table();

uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

template <class Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Integer); ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return bytes;
}

// Protobuf's wire format: every field begins with its number and its type.
enum class Wire : uint64_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string key(uint64_t field, Wire wire) { return varint(field << 3 | static_cast<uint64_t>(wire)); }
std::string integer_field(uint64_t field, int64_t value) {
  return key(field, Wire::varint) + varint(static_cast<uint64_t>(value));
}
std::string double_field(uint64_t field, double value) {
  return key(field, Wire::fixed64) + little_endian(std::bit_cast<uint64_t>(value));
}
std::string float_field(uint64_t field, float value) {
  return key(field, Wire::fixed32) + little_endian(std::bit_cast<uint32_t>(value));
}
std::string bytes_field(uint64_t field, std::string_view value) {
  return key(field, Wire::bytes) + varint(value.size()) + std::string(value);
}

std::string packed_doubles_field(uint64_t field, const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) bytes += little_endian(std::bit_cast<uint64_t>(value));
  return bytes_field(field, bytes);
}

// Field numbers of event.proto and summary.proto.
constexpr uint64_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr uint64_t kSessionStatus = 1, kSummaryValue = 1, kTag = 1, kSimpleValue = 2, kHistogram = 5;
constexpr uint64_t kMin = 1, kMax = 2, kCount = 3, kSum = 4, kSumOfSquares = 5, kLimits = 6, kCounts = 7;
constexpr int64_t kSessionStart = 1;

std::string histogram_message(const Histogram& histogram) {
  return double_field(kMin, histogram.min) + double_field(kMax, histogram.max) + double_field(kCount, histogram.count) +
         double_field(kSum, histogram.sum) + double_field(kSumOfSquares, histogram.sum_of_squares) +
         packed_doubles_field(kLimits, histogram.limits) + packed_doubles_field(kCounts, histogram.counts);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

std::string record(std::string_view payload) {
  const std::string length = little_endian<uint64_t>(payload.size());
  return length + little_endian(masked_crc(length)) + std::string(payload) + little_endian(masked_crc(payload));
}

std::string file_version(double wall_time) {
  return double_field(kWallTime, wall_time) + bytes_field(kFileVersion, "brain.Event:2");
}

std::string session_start(double wall_time, int64_t step) {
  return double_field(kWallTime, wall_time) + integer_field(kStep, step) +
         bytes_field(kSessionLog, integer_field(kSessionStatus, kSessionStart));
}

Histogram histogram_of(const std::vector<double>& values, double low, double high, int64_t buckets) {
  const double width = (high - low) / static_cast<double>(buckets);
  const auto bucket_of = [&](double value) {
    return std::clamp<int64_t>(std::llround(std::ceil((value - low) / width)) - 1, 0, buckets - 1);
  };
  Histogram histogram;
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  histogram.min = *min;
  histogram.max = *max;
  histogram.count = static_cast<double>(values.size());
  const int64_t first = bucket_of(*min);
  histogram.counts.resize(bucket_of(*max) - first + 1);
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    histogram.limits.push_back(low + width * static_cast<double>(first + static_cast<int64_t>(i) + 1));
  }
  for (const double value : values) {
    histogram.sum += value;
    histogram.sum_of_squares += value * value;
    histogram.counts[bucket_of(value) - first] += 1;
  }
  return histogram;
}

std::string summary(double wall_time, int64_t step, const Scalars& scalars, const Histograms& histograms) {
  std::string values;
  for (const auto& [tag, value] : scalars) {
    values += bytes_field(kSummaryValue, bytes_field(kTag, tag) + float_field(kSimpleValue, static_cast<float>(value)));
  }
  for (const auto& [tag, histogram] : histograms) {
    values +=
        bytes_field(kSummaryValue, bytes_field(kTag, tag) + bytes_field(kHistogram, histogram_message(histogram)));
  }
  return double_field(kWallTime, wall_time) + integer_field(kStep, step) + bytes_field(kSummary, values);
}

}  // namespace infini::tensorboard
