# Tests that are scripts. An executable file below tests/e2e/ whose name begins with test_ is one
# test; it finds the programs in $SEV_BIN. What it prints is counted as tools/test_summary says.
# SPDX-License-Identifier: MIT
file(GLOB SCRIPTS CONFIGURE_DEPENDS tests/e2e/test_*)
foreach(script ${SCRIPTS})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME e2e_${name} COMMAND ${script})
  set_tests_properties(e2e_${name} PROPERTIES LABELS e2e TIMEOUT 600
    ENVIRONMENT "SEV_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endforeach()

# Checks of the tree and of our tools: once is enough.
if(NOT SEV_SANITIZE)
  function(sev_tool_test name)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS tools TIMEOUT 300)
  endfunction()
  sev_tool_test(test_summary_self_test tools/test_summary --self-test)
  foreach(check layers style)
    sev_tool_test(check_${check} tools/check_${check})
    sev_tool_test(check_${check}_self_test tools/check_${check} --self-test)
  endforeach()
  sev_tool_test(requirements tools/requirements --brief)
  sev_tool_test(requirements_self_test tools/requirements --self-test)
  sev_tool_test(mutants_self_test tools/mutants --self-test)
  sev_tool_test(mutants tools/mutants ${CMAKE_BINARY_DIR})
  set_tests_properties(mutants PROPERTIES LABELS mutants PROCESSORS 2 TIMEOUT 900)
endif()
