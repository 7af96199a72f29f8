#include "report/report.h"

#include <cxxopts.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/recorded_runs.h"
#include "log/error.h"
#include "report/comparison.h"

namespace infini {

int run_report(int argc, char** argv) {
  cxxopts::Options options("infini report",
                           "Compares runs in one self-contained HTML page: perplexity, loss curves, loss by position, "
                           "gates.\nA run that is still training or not yet evaluated is shown as far as it is.\n");
  options.positional_help("RUN...").custom_help("[--out FILE]");
  options.add_options()("out", "the page's file (default: report.html in the first run's folder)",
                        cxxopts::value<std::string>(), "FILE")("h,help", "print this help");
  options.add_options("positional")("runs", "folders of runs", cxxopts::value<std::vector<std::string>>());
  options.parse_positional({"runs"});
  const auto arguments = options.parse(argc, argv);
  if (arguments.count("help")) {
    std::cout << options.help({""}) << "\nExample: infini report runs/quickstart runs/quickstart_local\n";
    return 0;
  }
  if (!arguments.count("runs")) {
    throw UserError("no run given; name one or more folders, such as runs/quickstart");
  }

  const std::vector<report::RunRecord> runs = read_runs(arguments["runs"].as<std::vector<std::string>>());
  std::filesystem::path file = runs.front().folder / "report.html";
  if (arguments.count("out")) file = arguments["out"].as<std::string>();
  report::write_report(runs, file);

  for (const auto& note : report::notes(runs)) std::cerr << "note: " << note << "\n";
  std::cout << report::plain_text(report::results_table(runs)) << "\n"
            << report::headline(runs) << "\n"
            << "report: " << file.string() << "\n";
  return 0;
}

}  // namespace infini
