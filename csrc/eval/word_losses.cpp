#include "eval/word_losses.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace infini {
namespace {

[[noreturn]] void fail() {
  throw std::runtime_error(std::string("the words' losses cannot be kept in a temporary file: ") +
                           std::strerror(errno));
}

}  // namespace

WordLosses::WordLosses() : file_(std::tmpfile(), &std::fclose) {
  if (!file_) fail();
}

void WordLosses::append(double nats) {
  if (std::fwrite(&nats, sizeof nats, 1, file_.get()) != 1) fail();
}

void WordLosses::rewind() {
  if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) fail();
}

double WordLosses::next() {
  double nats = 0;
  if (std::fread(&nats, sizeof nats, 1, file_.get()) != 1) {
    throw std::logic_error("a model was given more words than the model that it is compared with");
  }
  return nats;
}

}  // namespace infini
