# Embed files of this folder as texts of a C file in the build folder: `secureev dev` writes them
# out again. SPDX-License-Identifier: MIT
function(sev_embed out)
  foreach(name ${ARGN})
    set(path ${CMAKE_SOURCE_DIR}/deploy/${name})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    string(MAKE_C_IDENTIFIER ${name} symbol)
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND code "const char sev_deploy_${symbol}[] = {${bytes}0};\n")
    string(APPEND declared "extern const char sev_deploy_${symbol}[];\n")
  endforeach()
  set(path ${CMAKE_BINARY_DIR}/deploy/deploy.c)
  file(CONFIGURE OUTPUT ${path} @ONLY CONTENT
"/* made by deploy/embed.cmake */
@declared@
@code@")
  set(${out} ${path} PARENT_SCOPE)
endfunction()
