#include "cli/commands.h"
#include "cli/model_options.h"
#include "eval/score_file.h"
#include "log/log.h"

namespace infini {

int run_score(int argc, char** argv) {
  cxxopts::Options options(
      "infini score",
      "Writes the negative log-likelihood (nats, six decimals) of tokens 1 to N-1 of a file of N ids, one per line. "
      "Both "
      "files are streamed.\n\n"
      "Example: infini score --checkpoint runs/quickstart/checkpoints/step-600 --ids ids.txt --out losses.txt\n");
  add_model_options(options);
  auto add = options.add_options();
  add("ids", "token ids, separated by whitespace", cxxopts::value<std::string>(), "FILE");
  add("out", "the file to write", cxxopts::value<std::string>(), "FILE");
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;
  const std::string ids = required(arguments, "ids"), out = required(arguments, "out");
  check_output_path("out", out, ids);
  const auto model = load_chosen_model(arguments, chosen_checkpoint(arguments));
  const int64_t scored = score_file(*model, ids, out);
  log::info("scored " + std::to_string(scored) + " tokens into " + out);
  return 0;
}

}  // namespace infini
