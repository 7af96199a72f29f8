#pragma once

#include <cstdint>
#include <cxxopts.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace infini {

/// One reading of the documents by one model.
struct ModelReading {
  std::string name;
  std::filesystem::path checkpoint;
  bool memory = true;  ///< false: with its memory off
};

/// Adds --recall, --recall-segment, --against and --also-no-memory.
void add_recall_options(cxxopts::Options& options);

/// Every reading that the options ask for. The first is that of --checkpoint, which without --recall is the only one.
/// Throws UserError if a model is named twice, or an option needs one that is missing.
std::vector<ModelReading> chosen_readings(const cxxopts::ParseResult& arguments,
                                          const std::filesystem::path& checkpoint);

/// The unit of distance in tokens: --recall-segment, or the model's own segment length. Throws UserError if there is
/// neither.
int64_t recall_segment_length(const cxxopts::ParseResult& arguments, int64_t of_model);

/// Throws UserError unless `training` is a prepared data folder with a training split, and the checkpoints and the data
/// to evaluate have its tokenizer. A checkpoint, or the folder of a split, without a tokenizer passes.
void check_recall_folders(const std::filesystem::path& training, const std::vector<ModelReading>& readings,
                          const std::filesystem::path& data);

}  // namespace infini
