#pragma once

#include <cxxopts.hpp>

#include "data/bad_records.h"
#include "data/record_reader.h"

namespace infini {

/// Adds --data, for verbs that read documents.
void add_data_option(cxxopts::Options& options);
/// Adds --text-key and --on-bad-record, for verbs that read text.
void add_text_options(cxxopts::Options& options);
/// What they say. Throws UserError for a word that is neither fail nor skip.
TextReading text_reading(const cxxopts::ParseResult& arguments);
/// The refusal of a broken record, with the option that leaves it out.
UserError with_advice(const BrokenRecord& error);

}  // namespace infini
