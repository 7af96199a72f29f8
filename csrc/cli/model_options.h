#pragma once

#include <cxxopts.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/causal_language_model.h"

namespace infini {

/// The help of --threads, the same for every verb that computes.
extern const char* const kThreadsHelp;

/// Adds the options of every verb that runs a checkpoint: --checkpoint, --precision, --device, --threads and --help.
void add_model_options(cxxopts::Options& options);

/// Reads the command line. If it asks for the help, prints the help and returns nothing. Throws UserError for words
/// that belong to no option.
std::optional<cxxopts::ParseResult> parse_arguments(cxxopts::Options& options, int argc, char** argv);

/// The value of an option that must be given; UserError otherwise.
std::string required(const cxxopts::ParseResult& arguments, const std::string& option);

/// The value of an integer option; UserError where it is less than 1.
int64_t positive(const cxxopts::ParseResult& arguments, const std::string& option);

/// The checkpoint that --checkpoint names: itself, or a run's best (or else newest) one.
std::filesystem::path chosen_checkpoint(const cxxopts::ParseResult& arguments);

/// Applies --threads and loads that checkpoint as --device and --precision say.
std::shared_ptr<CausalLanguageModel> load_chosen_model(const cxxopts::ParseResult& arguments,
                                                       const std::filesystem::path& checkpoint);

/// Checks before a long run that its result can be written. Throws UserError unless a file can be made at the path that
/// `option` names, and if the path is `input`, which is read meanwhile.
void check_output_path(const std::string& option, const std::filesystem::path& file,
                       const std::filesystem::path& input = {});

}  // namespace infini
