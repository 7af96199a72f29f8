#pragma once

#include <string>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// The report on one or more runs as one HTML page that loads nothing from anywhere: headline, results, charts, gates,
/// samples, and the commands that repeat the runs.
std::string report_page(const std::vector<RunRecord>& runs);

}  // namespace infini::report
