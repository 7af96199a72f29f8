#include "model/context_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/error.h"

namespace infini {
namespace {

/// A memory that has a gradient, and a cache that has none.
ContextState made_up_state(double value = 1) {
  ContextState state;
  state.tensors["layers.0.memory"] = {torch::full({2, 3}, value), true};
  state.tensors["layers.0.cache"] = {torch::full({2, 5}, value), false};
  return state;
}

TEST(ContextState, DetachedCollectsAGradientWhereOnePasses) {
  const ContextState state = made_up_state();
  const ContextState leaves = state.detached(/*requires_grad=*/true);
  EXPECT_TRUE(leaves["layers.0.memory"].requires_grad() && leaves["layers.0.memory"].is_leaf());
  EXPECT_FALSE(leaves["layers.0.cache"].requires_grad());
  EXPECT_FALSE(leaves.detached()["layers.0.memory"].requires_grad());
  EXPECT_FALSE(state["layers.0.memory"].requires_grad());
}

TEST(ContextState, AssignsInPlaceAndLetsATensorGrow) {
  ContextState state = made_up_state();
  const void* const place = state["layers.0.memory"].const_data_ptr();
  ContextState next = made_up_state(2);
  next["layers.0.cache"] = torch::full({2, 9}, 2.0);
  next.open_tokens = 4;
  state.assign(next);
  EXPECT_EQ(state["layers.0.memory"].const_data_ptr(), place);
  EXPECT_TRUE(state["layers.0.memory"].eq(2).all().item<bool>());
  EXPECT_EQ(state["layers.0.cache"].size(1), 9);
  EXPECT_EQ(state.open_tokens, 4);
}

TEST(ContextState, ComesBackFromWhatACheckpointStores) {
  const ContextState restored = made_up_state(0).restored(made_up_state(7).named(), "here");
  EXPECT_TRUE(restored["layers.0.memory"].eq(7).all().item<bool>());
  EXPECT_TRUE(restored.tensors.at("layers.0.memory").differentiable);
  EXPECT_FALSE(restored.tensors.at("layers.0.cache").differentiable);
}

TEST(ContextState, RefusesTheStateOfAnotherModel) {
  NamedTensors stored = made_up_state().named();
  stored.erase("layers.0.cache");
  EXPECT_THAT([&] { made_up_state().restored(stored, "here"); },
              testing::ThrowsMessage<UserError>(testing::HasSubstr("lacks the tensor 'layers.0.cache'")));
  stored = made_up_state().named();
  stored["layers.1.memory"] = torch::zeros({1});
  EXPECT_THAT([&] { made_up_state().restored(stored, "here"); },
              testing::ThrowsMessage<UserError>(testing::HasSubstr("unknown tensor 'layers.1.memory'")));
}

}  // namespace
}  // namespace infini
