# The flags of every target: warnings are errors, and the usual hardening is on.
add_library(sluice_flags INTERFACE)
target_include_directories(sluice_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wundef -Werror
  -fstack-protector-strong -fno-strict-aliasing -fvisibility=hidden)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns falsely where strings are added up (its bug 105651).
  target_compile_options(sluice_flags INTERFACE -Wno-restrict)
  if(SLUICE_SANITIZER)
    # And about vectors that grow, once the code is instrumented.
    target_compile_options(sluice_flags INTERFACE -Wno-stringop-overflow -Wno-array-bounds)
  endif()
endif()
target_compile_definitions(sluice_flags INTERFACE _GNU_SOURCE)
target_link_options(sluice_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(SLUICE_SANITIZER STREQUAL "address")
  target_compile_options(sluice_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(sluice_flags INTERFACE -fsanitize=address,undefined)
elseif(SLUICE_SANITIZER STREQUAL "memory")
  # Of the language's library only what its headers hold is instrumented: so all that can be is compiled here (fuzz/README.md).
  target_compile_options(sluice_flags INTERFACE -fsanitize=memory -fsanitize-memory-track-origins -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_definitions(sluice_flags INTERFACE _GLIBCXX_EXTERN_TEMPLATE=0)
  target_link_options(sluice_flags INTERFACE -fsanitize=memory)
elseif(SLUICE_SANITIZER STREQUAL "thread")
  target_compile_options(sluice_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(sluice_flags INTERFACE -fsanitize=thread)
else()
  target_compile_options(sluice_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()

# What a fuzzing engine is guided by, and the coverage that fuzz/run reports. AFL++'s compiler adds its own.
if(SLUICE_FUZZ STREQUAL "libfuzzer")
  target_compile_options(sluice_flags INTERFACE -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(sluice_flags INTERFACE -fprofile-instr-generate)
endif()

# Privileged and confined processes neither throw nor catch: a failed allocation ends them.
add_library(sluice_noexcept INTERFACE)
target_compile_options(sluice_noexcept INTERFACE -fno-exceptions -fno-rtti)

# sluice_compiled_together(TARGET [APART FILE...] [GROUP FILE...]...): with SLUICE_TOGETHER the files of a group, or
# eight at a time of all of them, are compiled as one, since most of the time goes to the headers that they share.
# APART: those by themselves, which name things as others of the target do. What is no error is worse: a function of the
# same name with other parameters is one more that a call may mean.
# What is packaged, linted and changed by tests/adversary/removals is compiled one by one.
function(sluice_compiled_together target)
  # Not for the fuzz targets, which put single files of a library in the place of its own.
  if(NOT SLUICE_TOGETHER OR SLUICE_FUZZ)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  set(group 0)
  set(apart OFF)
  foreach(word ${ARGN})
    if(word STREQUAL APART)
      set(apart ON)
    elseif(word STREQUAL GROUP)
      set(apart OFF)
      math(EXPR group "${group} + 1")
      set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    elseif(apart)
      set_source_files_properties(${word} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    else()
      set_source_files_properties(${word} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
endfunction()
