# Embed store/sqlite/NNNN_name.sql, in their order, as bytes of a C file in the build folder.
# SPDX-License-Identifier: MIT
function(sev_embed_migrations out)
  file(GLOB files CONFIGURE_DEPENDS store/sqlite/*.sql)
  set(number 0)
  set(arrays "")
  set(rows "")
  foreach(path ${files})
    math(EXPR number "${number} + 1")
    get_filename_component(name ${path} NAME)
    string(REGEX REPLACE "^0*([0-9]+)_[a-z0-9_]+\\.sql$" "\\1" found ${name})
    if(NOT found EQUAL number)
      message(FATAL_ERROR "${path}: migrations are numbered without gaps; expected ${number}")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const char m${number}[] = {${bytes}0};\n")
    string(APPEND rows "    {\"${name}\", m${number}},\n")
  endforeach()
  set(path ${CMAKE_BINARY_DIR}/store/sqlite/migrations.c)
  file(CONFIGURE OUTPUT ${path} @ONLY CONTENT
"/* made by store/sqlite/migrations.cmake */
#include \"db.h\"
@arrays@
const struct sev_migration sev_migrations[] = {
@rows@};
const int sev_migration_count = @number@;
")
  set(${out} ${path} PARENT_SCOPE)
endfunction()
