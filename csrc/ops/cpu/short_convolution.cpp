// The short convolution on the CPU: which rows the kernels get. A row of tokens is cut where documents begin, and then
// into pieces that fit a cache. Beyond the ends of a document the kernels are given a row of zeros.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <vector>

#include "ops/checks.h"
#include "ops/cpu/element_type.h"
#include "ops/cpu/short_convolution_kernels.h"

namespace infini::ops::cpu::short_convolution {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

/// Of a piece. Few enough for the second-level cache, and so many that the sums of all pieces are little beside x.
constexpr int64_t most_tokens = 128;

/// The tokens begin … end − 1 of one row of the batch. The document they belong to reaches from `first` to `last` − 1.
/// Tokens below 0 are those of `before`.
struct Piece {
  int64_t batch, begin, end, first, last;
};

/// All tokens of [before; x], in the order of their places.
std::vector<Piece> pieces_of(const Tensor& x, int64_t earlier, int64_t segment_length, const OptionalTensor& starts) {
  const int64_t tokens = x.size(1);
  const Tensor marks = starts ? starts->contiguous() : Tensor();
  std::vector<Piece> pieces;
  for (int64_t batch = 0; batch < x.size(0); ++batch) {
    const auto add_document = [&](int64_t first, int64_t last) {
      for (int64_t begin = first; begin < last;) {
        // A piece ends where `before` does.
        const int64_t end = begin < 0 ? std::min<int64_t>(0, last) : std::min(begin + most_tokens, last);
        pieces.push_back({batch, begin, end, first, last});
        begin = end;
      }
    };
    int64_t first = -earlier;
    for (int64_t segment = 0; starts && segment < marks.size(1); ++segment) {
      if (!marks.const_data_ptr<bool>()[batch * marks.size(1) + segment]) continue;
      add_document(first, segment * segment_length);
      first = segment * segment_length;
    }
    add_document(first, tokens);
  }
  return pieces;
}

/// Rows of C channels: of a tensor like x from token 0 on, of one like `before` for the tokens ahead of that, and
/// zeros.
template <typename T>
struct TokenRows {
  T *tokens, *before;
  T* zeros;
  int64_t count, earlier, channels;

  T* row(int64_t batch, int64_t token) const {
    return token < 0 ? before + (batch * earlier + earlier + token) * channels
                     : tokens + (batch * count + token) * channels;
  }
  /// The tokens begin … end − 1, zeros outside of first … last − 1.
  void point(int64_t batch, int64_t begin, int64_t end, int64_t first, int64_t last, std::vector<T*>& rows) const {
    rows.clear();
    for (int64_t t = begin; t < end; ++t) rows.push_back(t < first || t >= last ? zeros : row(batch, t));
  }
};

template <typename T>
struct PlainArguments {
  using A = Arithmetic<T>;
  Tensor x, before, zeros;
  int64_t width, channels;

  PlainArguments(const Tensor& x, const Tensor& before)
      : x(x.contiguous()),
        before(before.contiguous()),
        zeros(at::zeros({x.size(2)}, x.options())),
        width(before.size(1) + 1),
        channels(x.size(2)) {}

  static T* data(const Tensor& tensor) { return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr; }
  TokenRows<T> rows(const Tensor& of_tokens, const Tensor& of_before) const {
    return {data(of_tokens), data(of_before), data(zeros), x.size(1), width - 1, channels};
  }
};

template <typename A>
Tensor plain_taps(const Tensor& weight) {
  return weight.to(c10::CppTypeToScalarType<A>::value).squeeze(1).t().contiguous();  // [w, C]
}

template <typename T>
Tensor forward_of(const Tensor& x, const Tensor& before, const Tensor& weight, const std::vector<Piece>& pieces) {
  using A = Arithmetic<T>;
  const PlainArguments<T> plain(x, before);
  const Tensor taps = plain_taps<A>(weight), y = at::empty(x.sizes(), x.options());
  const TokenRows<T> in = plain.rows(plain.x, plain.before), out = plain.rows(y, {});
  at::parallel_for(0, static_cast<int64_t>(pieces.size()), 1, [&](int64_t from, int64_t to) {
    std::vector<T*> rows, results;
    for (int64_t i = from; i < to; ++i) {
      const Piece& piece = pieces[i];
      if (piece.begin < 0) continue;
      in.point(piece.batch, piece.begin - (plain.width - 1), piece.end, piece.first, piece.last, rows);
      out.point(piece.batch, piece.begin, piece.end, piece.first, piece.last, results);
      short_convolution_kernels<T>().convolve({piece.end - piece.begin, plain.channels, plain.width, rows.data(),
                                               taps.const_data_ptr<A>(), results.data()});
    }
  });
  return y;
}

template <typename T>
std::tuple<Tensor, Tensor, Tensor> backward_of(const Tensor& grad, const Tensor& x, const Tensor& before,
                                               const Tensor& weight, const std::vector<Piece>& pieces,
                                               std::array<bool, 3> needed) {
  using A = Arithmetic<T>;
  const PlainArguments<T> plain(x, before);
  const int64_t width = plain.width, channels = plain.channels, count = static_cast<int64_t>(pieces.size());
  const bool inputs_too = needed[0] || needed[1];
  const Tensor dy = grad.contiguous(), reversed = plain_taps<A>(weight).flip(0);
  const Tensor dx = inputs_too ? at::empty(x.sizes(), x.options()) : Tensor();
  const Tensor dbefore = inputs_too ? at::empty(before.sizes(), before.options()) : Tensor();
  const Tensor dtaps =
      needed[2] ? at::zeros({count, width, channels}, reversed.options()) : Tensor();  // of each piece, added in order
  const TokenRows<T> in = plain.rows(plain.x, plain.before), gradients = plain.rows(dy, {}),
                     out = plain.rows(dx, dbefore);
  at::parallel_for(0, count, 1, [&](int64_t from, int64_t to) {
    std::vector<T*> rows, later, results;
    for (int64_t i = from; i < to; ++i) {
      const auto& [batch, begin, end, first, last] = pieces[i];
      // No output stands at the places of `before`.
      gradients.point(batch, begin, end + width - 1, std::max<int64_t>(first, 0), last, later);
      if (inputs_too) {
        out.point(batch, begin, end, first, last, results);
        short_convolution_kernels<T>().convolve(
            {end - begin, channels, width, later.data(), reversed.template const_data_ptr<A>(), results.data()});
      }
      if (needed[2] && begin >= 0) {
        in.point(batch, begin - (width - 1), end, first, last, rows);
        short_convolution_kernels<T>().add_tap_gradients({end - begin, channels, width, rows.data(), later.data(),
                                                          dtaps.template data_ptr<A>() + i * width * channels});
      }
    }
  });
  Tensor dweight;
  if (needed[2]) dweight = dtaps.sum(0).t().unsqueeze(1).to(weight.scalar_type()).contiguous();
  return {needed[0] ? dx : Tensor(), needed[1] ? dbefore : Tensor(), dweight};
}

Tensor forward(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
               const OptionalTensor& starts) {
  const std::vector<Piece> pieces = pieces_of(x, before.size(1), segment_length, starts);
  return with_element(x.scalar_type(), "x",
                      [&](auto element) { return forward_of<decltype(element)>(x, before, weight, pieces); });
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& x, const Tensor& before,
                                            const Tensor& weight, int64_t segment_length, const OptionalTensor& starts,
                                            std::array<bool, 3> needed) {
  const std::vector<Piece> pieces = pieces_of(x, before.size(1), segment_length, starts);
  return with_element(x.scalar_type(), "x", [&](auto element) {
    return backward_of<decltype(element)>(grad, x, before, weight, pieces, needed);
  });
}

}  // namespace

TORCH_LIBRARY_IMPL(infini, CPU, library) {
  library.impl("_short_convolution_forward", forward);
  library.impl("_short_convolution_backward", backward);
}

}  // namespace infini::ops::cpu::short_convolution
