#pragma once

#include <filesystem>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// Writes the runs' report (page.h) beside `file`, then renames it, so that a browser never sees half a page. Throws
/// UserError if the file cannot be created, std::runtime_error if the disk is full.
void write_report(const std::vector<RunRecord>& runs, const std::filesystem::path& file);

}  // namespace infini::report
