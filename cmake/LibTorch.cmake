# Finds LibTorch and defines the imported target `libtorch`, and INFINI_CUDA: whether kernels for GPUs are built.
#
# The first of these that holds LibTorch is taken: Torch_DIR, CMAKE_PREFIX_PATH (the variable, then the environment's),
# the virtual environment .venv that scripts/setup.sh makes. Only its folder is looked up; the libraries are imported by
# hand, because LibTorch's own CMake files for CUDA stop where no CUDA toolkit is installed, although the CPU half works.

set(torch_folders "${Torch_DIR}" ${CMAKE_PREFIX_PATH})
string(REPLACE ":" ";" environment_prefixes "$ENV{CMAKE_PREFIX_PATH}")
list(APPEND torch_folders ${environment_prefixes})
file(GLOB venv_site_packages ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages)
list(APPEND torch_folders ${venv_site_packages})

find_file(torch_config TorchConfig.cmake
  PATHS ${torch_folders}
  PATH_SUFFIXES . Torch share/cmake/Torch torch/share/cmake/Torch
  NO_DEFAULT_PATH NO_CACHE)
if(NOT torch_config)
  message(FATAL_ERROR "LibTorch was not found. Run scripts/setup.sh, or pass -DCMAKE_PREFIX_PATH=<folder of LibTorch>.")
endif()
get_filename_component(torch_root ${torch_config}/../../../.. ABSOLUTE)

set(PACKAGE_FIND_VERSION "")
include(${torch_root}/share/cmake/Torch/TorchConfigVersion.cmake)
message(STATUS "LibTorch: ${PACKAGE_VERSION} in ${torch_root}")
if(PACKAGE_VERSION VERSION_LESS 2.11 OR PACKAGE_VERSION VERSION_GREATER_EQUAL 2.12)
  message(WARNING "LibTorch 2.11 is what this is written and tested for.")
endif()

set(INFINI_CUDA OFF)
if(NOT EXISTS ${torch_root}/lib/libtorch_cuda.so)
  message(STATUS "CUDA: left out, this LibTorch is built for CPUs alone")
else()
  find_package(CUDAToolkit QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE)
    set(INFINI_CUDA ON)
    message(STATUS "CUDA: toolkit ${CUDAToolkit_VERSION}, for sm_80, sm_90 and sm_100")
  else()
    message(STATUS "CUDA: left out, no toolkit was found (to build for GPUs, install one and configure again)")
  endif()
endif()

add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE
  ${torch_root}/include ${torch_root}/include/torch/csrc/api/include)
target_link_libraries(libtorch INTERFACE ${torch_root}/lib/libtorch_cpu.so ${torch_root}/lib/libc10.so)

# at::parallel_for is a template that runs on one thread where it is compiled without OpenMP. The wheel brings a libgomp
# of its own: with another beside it a process would have two pools of threads.
target_compile_options(libtorch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
file(GLOB torch_libgomp ${torch_root}/lib/libgomp*.so*)
target_link_libraries(libtorch INTERFACE $<IF:$<BOOL:${torch_libgomp}>,${torch_libgomp},-fopenmp>)

if(INFINI_CUDA)
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # the one that LibTorch has loaded
  set(CMAKE_CUDA_STANDARD 20)
  enable_language(CUDA)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # which CMake 3.25 does not know of nvcc
  # Nothing calls into libtorch_cuda by name; it has to be loaded all the same, to register its kernels.
  target_link_libraries(libtorch INTERFACE
    -Wl,--push-state,--no-as-needed ${torch_root}/lib/libtorch_cuda.so ${torch_root}/lib/libc10_cuda.so -Wl,--pop-state
    CUDA::cudart)
  target_compile_definitions(libtorch INTERFACE INFINI_CUDA)
endif()
