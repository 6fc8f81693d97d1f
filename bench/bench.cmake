# Each bench/<name>.c is the program bench_<name>; bench.c is what they share. Only the optimised
# build has them: figures of a sanitized build mean nothing. SPDX-License-Identifier: MIT
add_library(sev_bench STATIC bench/bench.c)
target_include_directories(sev_bench PUBLIC bench)
file(GLOB BENCHES CONFIGURE_DEPENDS bench/*.c)
list(FILTER BENCHES EXCLUDE REGEX "/bench\\.c$")
foreach(source ${BENCHES})
  get_filename_component(name ${source} NAME_WE)
  add_executable(bench_${name} ${source})
  target_link_libraries(bench_${name} sev_bench sev_core sev_crypto_openssl sev_core jansson)
endforeach()
