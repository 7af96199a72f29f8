#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The bytes of TensorBoard's event files. No C++ package of them exists in Debian, and what scalars need of protobuf
/// and TFRecord is small, so both are written here by hand.
namespace infini::tensorboard {

using Scalars = std::vector<std::pair<std::string, double>>;

/// CRC-32C (Castagnoli), as TFRecord asks for it.
uint32_t crc32c(std::string_view bytes);

/// A TFRecord: length (uint64), masked CRC of the length, payload, masked CRC of the payload; all little-endian.
std::string record(std::string_view payload);

/// tensorflow.Event messages. The first one of a file names its version; `session_start` makes TensorBoard forget what
/// earlier files say of `step` and later ones.
std::string file_version(double wall_time);
std::string session_start(double wall_time, int64_t step);
std::string scalar_summary(double wall_time, int64_t step, const Scalars& scalars);

}  // namespace infini::tensorboard
