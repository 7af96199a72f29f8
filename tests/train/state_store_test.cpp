#include "train/state_store.h"

#include <gtest/gtest.h>

namespace infini {
namespace {

/// A state with one memory and one position, like that of a ring buffer.
ContextState made_up_state(double value, int64_t width = 3) {
  ContextState state;
  state.tensors["layers.0.memory"] = {torch::full({2, width}, value, torch::kFloat64), true};
  state.tensors["layers.0.position"] = {torch::full({2}, static_cast<int64_t>(value)), false};
  return state;
}

void expect_value(const ContextState& state, double value, int64_t width = 3) {
  EXPECT_TRUE(state["layers.0.memory"].equal(torch::full({2, width}, value, torch::kFloat64)));
  EXPECT_TRUE(state["layers.0.position"].equal(torch::full({2}, static_cast<int64_t>(value))));
  EXPECT_TRUE(state.tensors.at("layers.0.memory").differentiable);
  EXPECT_FALSE(state.tensors.at("layers.0.position").differentiable);
}

TEST(StateStore, GivesStatesBackFromTheLastToTheFirst) {
  StateStore store(3, BorderStates::device);
  for (const double value : {1.0, 2.0, 3.0}) {
    ContextState state = made_up_state(value);
    store.push(state);
    state["layers.0.memory"].fill_(99);  // the store keeps a copy
  }
  for (const double value : {3.0, 2.0, 1.0}) expect_value(store.pop(torch::kCPU), value);
}

TEST(StateStore, KeepsAllStatesInOneBlock) {
  StateStore store(2, BorderStates::host);
  store.push(made_up_state(1));
  store.push(made_up_state(2));
  const torch::Tensor second = store.pop(torch::kCPU)["layers.0.memory"],
                      first = store.pop(torch::kCPU)["layers.0.memory"];
  EXPECT_EQ(first.storage().data(), second.storage().data());
}

TEST(StateStore, KeepsAStateThatHasGrown) {
  StateStore store(3, BorderStates::device);
  store.push(made_up_state(1));
  store.push(made_up_state(2, 500));
  store.push(made_up_state(3));
  expect_value(store.pop(torch::kCPU), 3);
  expect_value(store.pop(torch::kCPU), 2, 500);
  expect_value(store.pop(torch::kCPU), 1);
}

TEST(StateStore, KeepsTheStateOfAModelThatCarriesNothing) {
  StateStore store(1, BorderStates::device);
  store.push({});
  EXPECT_TRUE(store.pop(torch::kCPU).tensors.empty());
}

}  // namespace
}  // namespace infini
