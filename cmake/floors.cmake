# The house: every folder of src/ is a library on a floor; includes and links go downward only.
# tests/structure/includes.py reads the same table from here.
set(PGSABA_FLOORS
  base:0 wire:1 config:1 stats:1 net:1 sql:2 auth:2 migration:2 routing:3 server:3 pool:4 session:5 worker:6
  control:7)

function(pgsaba_floor_of name out)
  foreach(entry IN LISTS PGSABA_FLOORS)
    string(REPLACE ":" ";" pair ${entry})
    list(GET pair 0 folder)
    if(folder STREQUAL name)
      list(GET pair 1 floor)
      set(${out} ${floor} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "folder '${name}' has no floor in cmake/floors.cmake")
endfunction()

add_library(pgsaba_options INTERFACE)
target_compile_options(pgsaba_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 sees impossible overlaps in its own std::string (its bug 105651).
  target_compile_options(pgsaba_options INTERFACE -Wno-restrict)
  if(PGSABA_LTO)  # the same, seen when linking
    target_link_options(pgsaba_options INTERFACE -Wno-stringop-overflow)
  endif()
endif()
target_include_directories(pgsaba_options INTERFACE ${CMAKE_SOURCE_DIR}/include
  ${CMAKE_SOURCE_DIR}/src)
if(PGSABA_SANITIZE)
  target_compile_options(pgsaba_options INTERFACE -fsanitize=${PGSABA_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(pgsaba_options INTERFACE -fsanitize=${PGSABA_SANITIZE})
endif()
# What the program did is written there when it ends, and read when it is compiled anew. What it did
# not do then is optimized as ever; a profile that is older than the source is of use where both agree.
set(PGSABA_PROFILE_DIRECTORY ${CMAKE_BINARY_DIR}/profile)
if(PGSABA_PROFILE STREQUAL "generate")
  target_compile_options(pgsaba_options INTERFACE -fprofile-generate
    -fprofile-dir=${PGSABA_PROFILE_DIRECTORY} -fprofile-update=prefer-atomic)
  target_link_options(pgsaba_options INTERFACE -fprofile-generate)
elseif(PGSABA_PROFILE STREQUAL "use")
  if(NOT EXISTS ${PGSABA_PROFILE_DIRECTORY})
    message(FATAL_ERROR "PGSABA_PROFILE=use: there is no profile in ${PGSABA_PROFILE_DIRECTORY}; "
      "build with PGSABA_PROFILE=generate and run bench/train first")
  endif()
  target_compile_options(pgsaba_options INTERFACE -fprofile-use=${PGSABA_PROFILE_DIRECTORY}
    -fprofile-partial-training -Wno-missing-profile -Wno-coverage-mismatch)
elseif(PGSABA_PROFILE)
  message(FATAL_ERROR "PGSABA_PROFILE=${PGSABA_PROFILE}: generate, use or nothing")
endif()
if(PGSABA_FUZZ)  # the fuzzer sees the coverage of what it links, not only of the target itself
  target_compile_options(pgsaba_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(pgsaba_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# pgsaba_folder(<name> USES <folder>... LIBRARIES <target>...): one static library from src/<name>/**.cc
function(pgsaba_folder name)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES" ${ARGN})
  pgsaba_floor_of(${name} floor)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  if(sources)
    add_library(pgsaba_${name} STATIC ${sources})
    # "wire/x.h" may be written for a folder's own headers; tests/structure guards everybody else's.
    target_include_directories(pgsaba_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    set(scope PUBLIC)
  else()
    add_library(pgsaba_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(pgsaba_${name} ${scope} pgsaba_options ${ARG_LIBRARIES})
  foreach(used IN LISTS ARG_USES)
    pgsaba_floor_of(${used} used_floor)
    if(NOT used_floor LESS floor)
      message(FATAL_ERROR "src/${name} (floor ${floor}) may not use src/${used} (floor ${used_floor})")
    endif()
    target_link_libraries(pgsaba_${name} ${scope} pgsaba_${used})
  endforeach()
endfunction()
