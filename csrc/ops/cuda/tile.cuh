#pragma once

// Matrices in shared memory and their products: tensor cores for bfloat16 operands, exact fp32 for float ones.

#include "ops/cuda/element.cuh"
#include "ops/cuda/fragment.cuh"

namespace infini::ops::cuda {

/// A matrix of O in shared memory, Columns wide, its rows padded by 16 bytes so that the same column of neighbouring
/// rows lies in different banks. Tensor cores want their 16 x 16 pieces at multiples of 32 bytes: rows and columns that
/// begin one are multiples of 16.
template <typename O, int Columns>
struct Tile {
  using element = O;
  static constexpr int columns = Columns;
  static constexpr int stride = Columns + 16 / static_cast<int>(sizeof(O));
  static constexpr int size(int rows) { return rows * stride; }
  static constexpr size_t bytes(int rows) { return static_cast<size_t>(size(rows)) * sizeof(O); }

  O* data;

  __device__ __forceinline__ O* at(int row, int column) const { return data + row * stride + column; }
  /// The 16 bytes behind a row, which no product reads: room for four floats.
  __device__ __forceinline__ float* padding(int row) const { return reinterpret_cast<float*>(at(row, Columns)); }
  /// The part that begins at (row, column).
  __device__ __forceinline__ Tile from(int row, int column) const { return {at(row, column)}; }
};

/// A tile that a product reads as its transpose.
template <typename Stored>
struct Transposed {
  Stored tile;
};
template <typename O, int Columns>
__device__ __forceinline__ Transposed<Tile<O, Columns>> transposed(Tile<O, Columns> tile) {
  return {tile};
}

/// How an M x N matrix is dealt out to warps: in a grid of equal parts, multiples of 16 each way, as square as can be
/// and rather wide than high, as a part's rows of the left factor are held in registers at once.
template <int M, int N, int Warps>
struct WarpGrid {
  static constexpr int choose_rows() {
    int best = 0;
    for (int rows = 1; rows <= Warps; rows *= 2) {
      const bool fits = M % (rows * 16) == 0 && N % (Warps / rows * 16) == 0;
      if (fits && (best == 0 || perimeter(rows) <= perimeter(best))) best = rows;
    }
    return best;
  }
  static constexpr int perimeter(int rows) { return M / rows + N / (Warps / rows); }
  static constexpr int rows = choose_rows();
  static_assert(rows > 0, "the product cannot be dealt out to that many warps");
  static constexpr int columns = Warps / rows;
  static constexpr int part_rows = M / rows, part_columns = N / columns;
};

/// C [M, N], held in the registers of `Warps` warps, to which products A · B are added. A and B are tiles, or tiles
/// `transposed`: all four ways. Nothing here waits: the caller puts barriers between writing tiles, products that read
/// them, and whatever reads what `store` wrote.
template <typename O, int M, int N, int Warps>
class Product;

template <int M, int N, int Warps>
class Product<__nv_bfloat16, M, N, Warps> {
  using Grid = WarpGrid<M, N, Warps>;
  static constexpr int rows = Grid::part_rows / 16, columns = Grid::part_columns / 16;

 public:
  /// `warp`: which of the warps that share the product, 0 to Warps - 1.
  __device__ __forceinline__ explicit Product(int warp)
      : first_row_(warp / Grid::columns * Grid::part_rows), first_column_(warp % Grid::columns * Grid::part_columns) {
    clear();
  }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < columns; ++j) nvcuda::wmma::fill_fragment(sums_[i][j], 0.0f);
    }
  }

  /// C += A · B over an inner extent of K, a multiple of 16.
  template <int K, typename A, typename B>
  __device__ __forceinline__ void add(A a, B b) {
    static_assert(K % 16 == 0);
    // One step at a time: unrolled, the fragments of all steps would be loaded ahead and spill.
#pragma unroll 1
    for (int k = 0; k < K; k += 16) {
      Left<A> left[rows];
#pragma unroll
      for (int i = 0; i < rows; ++i) load(left[i], a, first_row_ + 16 * i, k);
#pragma unroll
      for (int j = 0; j < columns; ++j) {
        Right<B> right;
        load(right, b, k, first_column_ + 16 * j);
#pragma unroll
        for (int i = 0; i < rows; ++i) nvcuda::wmma::mma_sync(sums_[i][j], left[i], right, sums_[i][j]);
      }
    }
  }

  __device__ __forceinline__ void scale(float factor) {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < columns; ++j) {
#pragma unroll
        for (int e = 0; e < sums_[i][j].num_elements; ++e) sums_[i][j].x[e] *= factor;
      }
    }
  }

  /// C → out, row-major in shared or global memory, aligned to 32 bytes; the stride is a multiple of 4.
  __device__ __forceinline__ void store(float* out, int stride) const {
    store_columns<Grid::part_columns>(0, out, stride);
  }

  /// Columns [first_column, first_column + Columns) of the C of one warp, likewise.
  template <int Columns>
  __device__ __forceinline__ void store_part(int first_column, float* out, int stride) const {
    static_assert(Warps == 1);
    store_columns<Columns>(first_column, out, stride);
  }

 private:
  using RowMajor = nvcuda::wmma::row_major;
  using ColumnMajor = nvcuda::wmma::col_major;
  template <typename Use, typename Layout>
  using Fragment = nvcuda::wmma::fragment<Use, 16, 16, 16, __nv_bfloat16, Layout>;

  template <typename Matrix>
  struct LayoutOf {
    using type = RowMajor;
  };
  template <typename Stored>
  struct LayoutOf<Transposed<Stored>> {
    using type = ColumnMajor;
  };
  template <typename A>
  using Left = Fragment<nvcuda::wmma::matrix_a, typename LayoutOf<A>::type>;
  template <typename B>
  using Right = Fragment<nvcuda::wmma::matrix_b, typename LayoutOf<B>::type>;

  template <typename F, int Columns>
  static __device__ __forceinline__ void load(F& fragment, Tile<__nv_bfloat16, Columns> tile, int row, int column) {
    load_fragment(fragment, tile.at(row, column), tile.stride);
  }
  template <typename F, typename Stored>
  static __device__ __forceinline__ void load(F& fragment, Transposed<Stored> matrix, int row, int column) {
    load_fragment(fragment, matrix.tile.at(column, row), Stored::stride);
  }

  /// first_column is constant where this is inlined, so that the sums stay in registers.
  template <int Columns>
  __device__ __forceinline__ void store_columns(int first_column, float* out, int stride) const {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < Columns / 16; ++j) {
        float* const to = out + static_cast<int64_t>(first_row_ + 16 * i) * stride + first_column_ + 16 * j;
        nvcuda::wmma::store_matrix_sync(to, sums_[i][first_column / 16 + j], static_cast<unsigned>(stride),
                                        nvcuda::wmma::mem_row_major);
      }
    }
  }

  int first_row_, first_column_;
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> sums_[rows][columns];
};

template <int M, int N, int Warps>
class Product<float, M, N, Warps> {
  using Grid = WarpGrid<M, N, Warps>;
  // A warp's lanes stand in 4 rows of 8. Each owns every fourth row and every eighth column of the warp's part, so that
  // lanes beside one another read words beside one another.
  static constexpr int lane_rows = 4, lane_columns = 8;
  static constexpr int rows = Grid::part_rows / lane_rows, columns = Grid::part_columns / lane_columns;

 public:
  __device__ __forceinline__ explicit Product(int warp)
      : first_row_(warp / Grid::columns * Grid::part_rows + static_cast<int>(threadIdx.x) % 32 / lane_columns),
        first_column_(warp % Grid::columns * Grid::part_columns + static_cast<int>(threadIdx.x) % lane_columns) {
    clear();
  }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < columns; ++j) sums_[i][j] = 0.0f;
    }
  }

  template <int K, typename A, typename B>
  __device__ __forceinline__ void add(A a, B b) {
#pragma unroll 4
    for (int k = 0; k < K; ++k) {
      float left[rows];
#pragma unroll
      for (int i = 0; i < rows; ++i) left[i] = element(a, first_row_ + lane_rows * i, k);
#pragma unroll
      for (int j = 0; j < columns; ++j) {
        const float right = element(b, k, first_column_ + lane_columns * j);
#pragma unroll
        for (int i = 0; i < rows; ++i) sums_[i][j] += left[i] * right;
      }
    }
  }

  __device__ __forceinline__ void scale(float factor) {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < columns; ++j) sums_[i][j] *= factor;
    }
  }

  __device__ __forceinline__ void store(float* out, int stride) const {
    store_columns<Grid::part_columns>(0, out, stride);
  }

  template <int Columns>
  __device__ __forceinline__ void store_part(int first_column, float* out, int stride) const {
    static_assert(Warps == 1);
    store_columns<Columns>(first_column, out, stride);
  }

 private:
  template <int Columns>
  static __device__ __forceinline__ float element(Tile<float, Columns> tile, int row, int column) {
    return *tile.at(row, column);
  }
  template <typename Stored>
  static __device__ __forceinline__ float element(Transposed<Stored> matrix, int row, int column) {
    return *matrix.tile.at(column, row);
  }

  template <int Columns>
  __device__ __forceinline__ void store_columns(int first_column, float* out, int stride) const {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < Columns / lane_columns; ++j) {
        out[static_cast<int64_t>(first_row_ + lane_rows * i) * stride + first_column_ + lane_columns * j] =
            sums_[i][first_column / lane_columns + j];
      }
    }
  }

  int first_row_, first_column_;
  float sums_[rows][columns];
};

/// Rows of activations on their way from global memory to a tile, held in the registers of `Threads` threads in
/// between: fetched ahead, while the tile is still being read. Each thread holds the same `width` columns of every
/// `step`-th row.
template <typename T, int Rows, int Columns, int Threads>
class StagedRows {
 public:
  static constexpr int width = Vector<T>::size;          ///< columns a thread holds
  static constexpr int lanes_per_row = Columns / width;  ///< neighbouring lanes that hold one row
  static constexpr int step = Threads / lanes_per_row;   ///< rows held at once
  static constexpr int count = Rows / step;              ///< rows a thread holds a part of
  static_assert(Columns % width == 0 && Threads % lanes_per_row == 0 && Rows % step == 0 && lanes_per_row <= 32);

  /// `thread`: which of the threads that share the rows, 0 to Threads - 1.
  __device__ __forceinline__ explicit StagedRows(int thread)
      : first_row_(thread / lanes_per_row), column_(thread % lanes_per_row * width) {}

  /// The first of the columns that this thread holds, and the first of its rows.
  __device__ __forceinline__ int column() const { return column_; }
  __device__ __forceinline__ int first_row() const { return first_row_; }

  /// Loads `rows` rows (at most Rows; the rest is taken as 0) of `Columns` elements from global memory.
  __device__ __forceinline__ void fetch(const T* from, int64_t stride, int rows) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int row = first_row_ + i * step;
      bits_[i] = row < rows ? *reinterpret_cast<const uint4*>(from + row * stride + column_) : uint4{0, 0, 0, 0};
    }
  }

  /// Calls map(values, row) for each row, in place on float values[width], and stores them rounded to the tile's type.
  /// Rows from `rows` on are stored as 0 whatever map gives. All lanes call map equally often: it may shuffle.
  template <typename O, int TileColumns, typename Map>
  __device__ __forceinline__ void place(Tile<O, TileColumns> tile, int rows, const Map& map) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int row = first_row_ + i * step;
      Vector<T> vector;
      memcpy(&vector, &bits_[i], sizeof vector);
      float values[width];
#pragma unroll
      for (int j = 0; j < width; ++j) values[j] = to_float(vector.values[j]);
      map(values, row);
      if (row >= rows) {
#pragma unroll
        for (int j = 0; j < width; ++j) values[j] = 0.0f;
      }
      store_floats(tile.at(row, column_), values);
    }
  }

 private:
  int first_row_, column_;
  uint4 bits_[count];  // not as elements of T: the compiler would hold each in a register of its own
};

/// How the rows of a tile are dealt out to `Threads` threads: each takes the same `width` columns of every `step`-th
/// row.
template <typename T, int Rows, int Columns, int Threads>
class SharedRows {
 public:
  static constexpr int width = Vector<T>::size;          ///< columns a thread takes: 16 bytes of T
  static constexpr int lanes_per_row = Columns / width;  ///< neighbouring lanes that share one row
  static constexpr int step = Threads / lanes_per_row;   ///< rows taken at once
  static_assert(Columns % width == 0 && Threads % lanes_per_row == 0 && Rows % step == 0 && lanes_per_row <= 32);

  __device__ __forceinline__ explicit SharedRows(int thread)
      : first_row_(thread / lanes_per_row), column_(thread % lanes_per_row * width) {}

  __device__ __forceinline__ int column() const { return column_; }

  /// Calls body(row) for each of this thread's rows. All lanes call it equally often: it may shuffle.
  template <typename Body>
  __device__ __forceinline__ void for_each(const Body& body) const {
#pragma unroll 1
    for (int row = first_row_; row < Rows; row += step) body(row);
  }

  /// Begins to copy `rows` rows of activations (the rest is taken as 0) from global memory. What a thread copies is
  /// what it reads: having waited for its own copies it needs no barrier.
  __device__ __forceinline__ void fetch(Tile<T, Columns> tile, const T* from, int64_t stride, int rows) const {
#pragma unroll
    for (int row = first_row_; row < Rows; row += step) {
      const bool exists = row < rows;
      __pipeline_memcpy_async(tile.at(row, column_), from + (exists ? row * stride : 0) + column_, 16, exists ? 0 : 16);
    }
  }

 private:
  int first_row_, column_;
};

/// The map of `StagedRows::place` that applies σ.
struct Sigma {
  template <int Width>
  __device__ __forceinline__ void operator()(float (&values)[Width], int) const {
#pragma unroll
    for (int j = 0; j < Width; ++j) values[j] = sigma(values[j]);
  }
};

/// The map of `StagedRows::place` that leaves values as they are.
struct Unchanged {
  template <int Width>
  __device__ __forceinline__ void operator()(float (&)[Width], int) const {}
};

/// A [rows, Columns] matrix of floats, contiguous in global memory → a tile, times `factor`, by `Threads` threads.
template <int Threads, typename O, int Columns>
__device__ __forceinline__ void load_tile(Tile<O, Columns> tile, const float* from, int rows, int thread,
                                          float factor = 1.0f) {
  constexpr int width = 4;
#pragma unroll 4
  for (int i = thread * width; i < rows * Columns; i += Threads * width) {
    float values[width];
    load_floats(from + i, values);
#pragma unroll
    for (int j = 0; j < width; ++j) values[j] *= factor;
    store_floats(tile.at(i / Columns, i % Columns), values);
  }
}

}  // namespace infini::ops::cuda
