#include <cxxopts.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/freed_memory.h"
#include "cli/overrides.h"
#include "config/load_train_config.h"
#include "config/run_config.h"
#include "log/error.h"
#include "log/log.h"
#include "train/trainer.h"

namespace infini {

int run_train(int argc, char** argv) {
  cxxopts::Options options(
      "infini train",
      "Trains a model. The run's folder (output_folder/name) receives config.yaml, metrics.jsonl, "
      "tensorboard/ and checkpoints/step-N/.\nSIGINT (Ctrl-C), SIGTERM, SIGHUP, SIGUSR1 and a "
      "pipe at standard error that nobody reads any more finish the step, write a checkpoint and end with exit code 3; "
      "a second SIGINT or SIGTERM ends it at once. Exit code 0: all steps are done.\n");
  options.positional_help("CONFIG.yaml").custom_help("[--set key=value]... [--resume]");
  // clang-format off
  options.add_options()
      ("set", "another value for a key of the configuration; may be given often", cxxopts::value<std::string>(),
       "KEY=VALUE")
      ("resume", "go on from the run's newest checkpoint, bit for bit (without one: begin)")
      ("h,help", "print this help");
  // clang-format on
  options.add_options("positional")("config", "the experiment", cxxopts::value<std::string>());
  options.parse_positional({"config"});

  std::vector<char*> words(argv, argv + argc);
  const std::vector<std::string> overrides = take_overrides(argc, words);
  const auto arguments = options.parse(argc, words.data());
  if (arguments.count("help")) {
    std::cout << options.help({""})
              << "\nExamples: infini train configs/quickstart.yaml\n"
                 "          infini train configs/quickstart.yaml --set steps=2000 --set name=longer\n"
                 "          infini train configs/quickstart.yaml --resume\n";
    return 0;
  }
  if (!arguments.count("config")) {
    throw UserError("no configuration given; name one, such as configs/quickstart.yaml");
  }
  if (!arguments.unmatched().empty()) {
    throw UserError("'" + arguments.unmatched().front() + "' is one word too many; see infini train --help");
  }

  keep_freed_memory();
  const TrainConfig config = load_train_config(arguments["config"].as<std::string>(), overrides);
  Trainer trainer(config, arguments.count("resume") > 0);
  write_run_config(trainer.folder(), trainer.config(), trainer.step());
  const TrainingOutcome outcome = trainer.run();
  if (outcome.best) {
    log::info("the best by " + outcome.best->metric + " is step " + std::to_string(outcome.best->step) +
              "; infini eval --checkpoint " + trainer.folder().string() + " takes it");
  }
  if (!outcome.finished) {
    log::info("stopped by a signal after " + std::to_string(outcome.step) + " of " + std::to_string(config.steps) +
              " steps; --resume goes on from " + outcome.checkpoint.string());
    return kStopped;
  }
  log::info("finished after " + std::to_string(outcome.step) + " steps; the model is in " +
            outcome.checkpoint.string());
  return 0;
}

}  // namespace infini
