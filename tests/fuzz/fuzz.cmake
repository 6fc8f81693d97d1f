# Each tests/fuzz/<name>.c with a LLVMFuzzerTestOneInput is the target fuzz_<name>; names that begin
# with portable_ get the heap-free provider. Corpora, seeds, dictionaries: see tools/fuzz.
# SPDX-License-Identifier: MIT
if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "SEV_FUZZ needs clang: cmake --preset fuzz")
endif()
add_custom_target(fuzz_targets)
# Repositories in memory, for those that drive the client; world_failed is theirs to define.
add_library(sev_world STATIC tests/lib/world.c tests/lib/world_docs.c tests/lib/world_run.c)
target_include_directories(sev_world PUBLIC include tests/lib)
file(GLOB FUZZ CONFIGURE_DEPENDS tests/fuzz/*.c)
foreach(source ${FUZZ})
  get_filename_component(name ${source} NAME_WE)
  file(STRINGS ${source} entry REGEX "LLVMFuzzerTestOneInput" LIMIT_COUNT 1)
  if(NOT entry)
    continue()
  endif()
  set(provider sev_crypto_openssl)
  if(name MATCHES "^portable_")
    set(provider sev_crypto_portable)
  endif()
  add_executable(fuzz_${name} ${source})
  add_dependencies(fuzz_targets fuzz_${name})
  target_include_directories(fuzz_${name} PRIVATE tests/fuzz)
  # Last, for what it has beside the interface (p256.h): a target may compare it with OpenSSL.
  target_link_libraries(fuzz_${name} sev_world sev_images sev_repository sev_store_file sev_campaign
    sev_director sev_http sev_audit sev_registry sev_signer sev_admin sev_core ${provider} sev_core
    sev_crypto_portable)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_${name} COMMAND ${CMAKE_SOURCE_DIR}/tools/fuzz test ${name})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 1200)
endforeach()
