# Tests that are scripts: an executable tests/e2e/test_<name>, or tests/e2e/<name>/run, likewise in
# tests/interop. It finds the programs in $SEV_BIN. How its output is counted: tools/test_summary.
# SPDX-License-Identifier: MIT
file(GLOB SCRIPTS CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  tests/e2e/test_* tests/e2e/*/run tests/interop/test_* tests/interop/*/run)
foreach(script ${SCRIPTS})
  string(REGEX REPLACE "^tests/|/run$|\\.[a-z]+$" "" name ${script})
  string(REGEX REPLACE "/(test_)?" "_" name ${name})
  string(REGEX MATCH "e2e|interop" label ${script})
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/${script})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600
    ENVIRONMENT "SEV_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endforeach()
set_tests_properties(e2e_kill PROPERTIES TIMEOUT 3600) # 400 kills, with SEV_NIGHTLY

# 200 kills each, with SEV_NIGHTLY.
set_tests_properties(e2e_failover e2e_killed PROPERTIES TIMEOUT 1800)

# They measure time.
set_tests_properties(e2e_flood e2e_loadgen PROPERTIES RUN_SERIAL TRUE)

# Checks of the tree and of our tools: once is enough.
if(NOT SEV_SANITIZE)
  function(sev_tool_test name)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS tools TIMEOUT 300)
  endfunction()
  sev_tool_test(test_summary_self_test tools/test_summary --self-test)
  foreach(check layers style symbols pouf)
    sev_tool_test(check_${check} tools/check_${check})
    sev_tool_test(check_${check}_self_test tools/check_${check} --self-test)
  endforeach()
  sev_tool_test(check_docs tools/check_docs ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  sev_tool_test(check_docs_self_test tools/check_docs --self-test)
  sev_tool_test(check_claims tools/check_claims ${CMAKE_BINARY_DIR})
  sev_tool_test(check_claims_self_test tools/check_claims --self-test)
  sev_tool_test(demo tools/demo)
  set_tests_properties(demo PROPERTIES LABELS e2e ENVIRONMENT
    "SEV_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  sev_tool_test(stack_bound_self_test tools/stack_bound --self-test)
  sev_tool_test(cortex_m4 bench/cortex_m4) # 4 KiB for partial verification
  set_tests_properties(cortex_m4 PROPERTIES SKIP_RETURN_CODE 77)
  sev_tool_test(requirements tools/requirements --brief)
  sev_tool_test(requirements_refused tools/requirements --refused)
  sev_tool_test(requirements_mistakes tools/requirements --mistakes)
  sev_tool_test(requirements_self_test tools/requirements --self-test)
  sev_tool_test(mutants_self_test tools/mutants --self-test)
  sev_tool_test(mutants tools/mutants ${CMAKE_BINARY_DIR})
  set_tests_properties(mutants PROPERTIES LABELS mutants PROCESSORS 2 TIMEOUT 900)
endif()
