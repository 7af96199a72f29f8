#pragma once

/// The verbs of the command line, one file each. `argv[0]` is the verb itself; the result is the exit code. A fault
/// that the user must mend is thrown as UserError or as an exception of cxxopts. main turns it into one line and exit
/// code 2.
namespace infini {

/// The exit code of a run that was told to stop and can be resumed.
constexpr int kStopped = 3;

int run_prepare(int argc, char** argv);
int run_tokenize(int argc, char** argv);
int run_train(int argc, char** argv);
int run_eval(int argc, char** argv);
int run_score(int argc, char** argv);
int run_generate(int argc, char** argv);
int run_passkey(int argc, char** argv);
int run_memory(int argc, char** argv);
int run_tables(int argc, char** argv);
int run_report(int argc, char** argv);
int run_bench(int argc, char** argv);
int run_info(int argc, char** argv);

}  // namespace infini
