# GCC 12 warns of overlapping copies inside std::string's operator+ where there are none (GCC bug 105651): -Wno-restrict.
function(infini_warnings target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wno-unused-parameter $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>>)
endfunction()

# One precompiled <torch/torch.h> for all targets that see torch: 30 s once instead of 25 s a file. Each file still
# instantiates torch's templates for 10 s, so the release preset compiles eight files as one (a unity build): a sixth of
# the time from a clone to the program. The debug preset compiles each by itself, and proves that each can be.
function(infini_use_torch target)
  target_link_libraries(${target} PUBLIC libtorch)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/csrc)
  target_precompile_headers(${target} REUSE_FROM infini_precompiled)
  infini_warnings(${target})
endfunction()

# infini_library(NAME [NO_TORCH] [DEPENDS a b …]): a static library of every .cpp in the current folder.
function(infini_library name)
  cmake_parse_arguments(arg "NO_TORCH" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  add_library(infini_${name} STATIC ${sources})
  target_link_libraries(infini_${name} PUBLIC ${arg_DEPENDS})
  if(arg_NO_TORCH)
    target_include_directories(infini_${name} PUBLIC ${PROJECT_SOURCE_DIR}/csrc)
    infini_warnings(infini_${name})
  else()
    infini_use_torch(infini_${name})
  endif()
endfunction()
