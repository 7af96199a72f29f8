#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The bytes of TensorBoard's event files. Debian has no C++ package for them. Scalars need only a small part of
/// protobuf and TFRecord, so both are written by hand here.
namespace infini::tensorboard {

using Scalars = std::vector<std::pair<std::string, double>>;

/// CRC-32C (Castagnoli), which TFRecord uses.
uint32_t crc32c(std::string_view bytes);

/// A TFRecord: length (uint64), masked CRC of the length, payload, masked CRC of the payload; all little-endian.
std::string record(std::string_view payload);

/// tensorflow.Event messages. The first message in a file names the format's version. `session_start` makes TensorBoard
/// drop the values of earlier files for `step` and later steps.
std::string file_version(double wall_time);
std::string session_start(double wall_time, int64_t step);
std::string scalar_summary(double wall_time, int64_t step, const Scalars& scalars);

}  // namespace infini::tensorboard
