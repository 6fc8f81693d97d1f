# Each bench/<name>.c is the program bench_<name>, apart from what they share. Only the optimised
# build has them: figures of a sanitized build mean nothing. SPDX-License-Identifier: MIT
add_library(sev_bench STATIC bench/bench.c bench/documents.c bench/stack.c bench/vehicle.c)
target_include_directories(sev_bench PUBLIC bench include)
target_link_libraries(sev_bench PUBLIC OpenSSL::Crypto)
file(GLOB BENCHES CONFIGURE_DEPENDS bench/*.c)
list(FILTER BENCHES EXCLUDE REGEX "/(bench|documents|stack|vehicle)\\.c$")
foreach(source ${BENCHES})
  get_filename_component(name ${source} NAME_WE)
  set(provider openssl)
  if(name STREQUAL memory)
    set(provider portable) # what a microcontroller has
  endif()
  add_executable(bench_${name} ${source})
  target_link_libraries(bench_${name} sev_bench sev_core sev_crypto_${provider} sev_core jansson)
endforeach()
target_link_libraries(bench_store sev_store sev_crypto_openssl sev_core)
target_link_libraries(bench_campaign sev_campaign sev_director sev_signer sev_store sev_core
  sev_crypto_openssl sev_core)
target_link_libraries(bench_fleet sev_director sev_signer sev_store sev_core sev_crypto_openssl
  sev_core)
