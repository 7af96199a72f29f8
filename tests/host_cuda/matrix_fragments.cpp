#include "host_cuda/matrix_fragments.h"

namespace host_cuda {

void multiply_accumulate(int rows, int columns, int inner, const float* a, const float* b, float* c) {
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < inner; ++i) {
      const float left = a[row * inner + i];
      for (int column = 0; column < columns; ++column) c[row * columns + column] += left * b[i * columns + column];
    }
  }
}

}  // namespace host_cuda
