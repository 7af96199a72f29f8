#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/cpu/Utils.h>
#include <torch/torch.h>
#include <torch/version.h>
#ifdef INFINI_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

#include <array>
#include <cxxopts.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "io/available_cores.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr std::array kPublicOps = {"memory_retrieve", "memory_update", "memory_combine",
                                   "memory_summary",  "attention",     "rotate"};

constexpr std::array kImplementations = {
    std::pair{"CPU", c10::DispatchKey::CPU},
#ifdef INFINI_CUDA
    std::pair{"CUDA", c10::DispatchKey::CUDA},
#endif
    std::pair{"Meta", c10::DispatchKey::Meta},
};

/// The CPU's instructions that multiply bfloat16 matrices. Without any, bfloat16 is slower than float32.
std::string bfloat16_instructions() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  for (const char* name : {"amx_bf16", "avx512_bf16"}) {
    const auto found = capabilities.find(name);
    if (found != capabilities.end() && found->second.isBool() && found->second.toBool()) return name;
  }
  return "none";
}

nlohmann::ordered_json devices() {
  const AvailableCores cores = available_cores();
  nlohmann::ordered_json devices = {{{"device", "cpu"},
                                     {"capability", at::get_cpu_capability()},
                                     {"bfloat16", bfloat16_instructions()},
                                     {"threads", cores.count},
                                     {"threads_reason", cores.reason}}};
#ifdef INFINI_CUDA
  for (int i = 0; i < at::cuda::device_count(); ++i) {
    const cudaDeviceProp& properties = *at::cuda::getDeviceProperties(i);
    devices.push_back({{"device", "cuda:" + std::to_string(i)},
                       {"name", properties.name},
                       {"capability", "sm_" + std::to_string(properties.major) + std::to_string(properties.minor)},
                       {"memory_bytes", properties.totalGlobalMem}});
  }
#endif
  return devices;
}

/// For each public op: the devices that have its forward pass, and "Autograd" if it has gradients. A forward pass may
/// be a kernel of the device or be composed of ATen's ops.
nlohmann::ordered_json op_implementations() {
  const auto find = [](const std::string& name) {
    return c10::Dispatcher::singleton().findSchema({"infini::" + name, ""});
  };
  nlohmann::ordered_json ops = nlohmann::ordered_json::object();
  for (const std::string name : kPublicOps) {
    ops[name] = nlohmann::ordered_json::array();
    const auto forward = find("_" + name + "_forward");
    for (const auto& [implementation, key] : kImplementations) {
      if (forward && forward->hasComputedKernelForDispatchKey(key)) ops[name].push_back(implementation);
    }
    const auto op = find(name);
    if (op && op->hasKernelForDispatchKey(c10::DispatchKey::Autograd)) ops[name].push_back("Autograd");
  }
  return ops;
}

nlohmann::ordered_json collect() {
  return {{"infini", INFINI_VERSION},       {"libtorch", TORCH_VERSION}, {"compiler", INFINI_COMPILER},
          {"cuda_toolkit", INFINI_TOOLKIT}, {"devices", devices()},      {"ops", op_implementations()}};
}

std::string joined(const nlohmann::ordered_json& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : ", ") + word.get<std::string>();
  return line.empty() ? "none" : line;
}

void print(const nlohmann::ordered_json& info) {
  const auto row = [](const std::string& name, const std::string& value) {
    std::cout << "  " << name << std::string(name.size() < 18 ? 18 - name.size() : 1, ' ') << value << "\n";
  };
  std::cout << "versions\n";
  for (const char* key : {"infini", "libtorch", "compiler", "cuda_toolkit"}) row(key, info[key].get<std::string>());
  std::cout << "devices\n";
  for (const auto& device : info["devices"]) {
    std::string text;
    for (const auto& [key, value] : device.items()) {
      const std::string words = value.is_string() ? value.get<std::string>() : value.dump();
      if (key == "threads_reason") {
        text += " (" + words + ")";
      } else if (key != "device") {
        text += (text.empty() ? "" : ", ") + key + " " + words;
      }
    }
    row(device["device"].get<std::string>(), text);
  }
  std::cout << "ops\n";
  for (const auto& [name, implementations] : info["ops"].items()) row(name, joined(implementations));
}

}  // namespace

int run_info(int argc, char** argv) {
  cxxopts::Options options("infini info",
                           "Versions, devices, and which op implementations are built in.\n\n"
                           "Example: infini info --json\n");
  options.add_options()("json", "print one JSON object")("h,help", "print this");
  const cxxopts::ParseResult arguments = options.parse(argc, argv);
  if (arguments.count("help") > 0) {
    std::cout << options.help();
    return 0;
  }
  if (!arguments.unmatched().empty()) {
    throw UserError("info takes no argument, got '" + arguments.unmatched().front() + "'; see infini info --help");
  }
  const nlohmann::ordered_json info = collect();
  if (arguments.count("json") > 0) {
    std::cout << info.dump(2) << "\n";
  } else {
    print(info);
  }
  return 0;
}

}  // namespace infini
