# Finds LibTorch and defines the imported target `libtorch`.
#
# The CUDA build of LibTorch refuses to configure where no CUDA toolkit is installed, although its CPU
# half works there. In that case libtorch_cpu and libc10 are imported by hand.

find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT Torch_DIR AND NOT CMAKE_PREFIX_PATH AND EXISTS ${CMAKE_SOURCE_DIR}/.venv/bin/python)
  execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/.venv/bin/python -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE venv_torch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(CMAKE_PREFIX_PATH ${venv_torch}/share/cmake)
endif()

find_file(torch_config TorchConfig.cmake
  HINTS ${Torch_DIR} PATHS ${CMAKE_PREFIX_PATH}
  PATH_SUFFIXES . Torch share/cmake/Torch torch/share/cmake/Torch)
if(NOT torch_config)
  message(FATAL_ERROR "LibTorch was not found. Run scripts/setup.sh, or pass -DCMAKE_PREFIX_PATH=<folder of torch>.")
endif()
get_filename_component(torch_root ${torch_config}/../../../.. ABSOLUTE)

include(CheckLanguage)
check_language(CUDA)
set(INFINI_CUDA OFF)
if(EXISTS ${torch_root}/lib/libtorch_cuda.so AND CMAKE_CUDA_COMPILER)
  set(INFINI_CUDA ON)
endif()

add_library(libtorch INTERFACE)
if(INFINI_CUDA OR NOT EXISTS ${torch_root}/lib/libtorch_cuda.so)
  set(TORCH_CUDA_ARCH_LIST "8.0;9.0;10.0+PTX")
  find_package(Torch REQUIRED PATHS ${torch_root} NO_DEFAULT_PATH)
  target_link_libraries(libtorch INTERFACE ${TORCH_LIBRARIES})
else()
  foreach(name torch_cpu c10)
    add_library(libtorch::${name} SHARED IMPORTED)
    set_target_properties(libtorch::${name} PROPERTIES IMPORTED_LOCATION ${torch_root}/lib/lib${name}.so)
    target_link_libraries(libtorch INTERFACE libtorch::${name})
  endforeach()
endif()
target_include_directories(libtorch SYSTEM INTERFACE
  ${torch_root}/include ${torch_root}/include/torch/csrc/api/include)

if(INFINI_CUDA)
  message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER}, for sm_80, sm_90 and sm_100")
else()
  message(STATUS "CUDA: left out, no toolkit was found (install one and configure again to build for GPUs)")
endif()
