#pragma once

#include <string>
#include <vector>

#include "report/run_record.h"

namespace infini {

/// Reads the folders of runs, and adds what a report cannot know without the models: the context memory of each, and
/// the paper's row for such a model. What cannot be found out is in the record's notes. Throws UserError where a folder
/// is none of a run.
std::vector<report::RunRecord> read_runs(const std::vector<std::string>& folders);

}  // namespace infini
