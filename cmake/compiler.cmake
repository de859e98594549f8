# Three interface targets that everything of ours links: warnings, hardening, sanitizers.

add_library(strict INTERFACE)
target_compile_definitions(strict INTERFACE _GNU_SOURCE ECSS_VERSION="${PROJECT_VERSION}")
target_compile_options(strict INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wundef -Wvla -Wcast-qual
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wwrite-strings
  -Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum -Wdouble-promotion)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(strict INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init)
else()
  target_compile_options(strict INTERFACE -Wcomma -Wassign-enum -Wshorten-64-to-32)
endif()
if(ECSS_WERROR)
  target_compile_options(strict INTERFACE -Werror)
endif()

add_library(hardened INTERFACE)
target_compile_options(hardened INTERFACE -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing
  -fvisibility=hidden -fPIE)
target_link_options(hardened INTERFACE -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT ECSS_SANITIZE)
  target_compile_options(hardened INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(hardened INTERFACE -ftrivial-auto-var-init=zero)
  endif()
elseif(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # Not zero, so that tests see what a local variable was not given.
  target_compile_options(hardened INTERFACE -ftrivial-auto-var-init=pattern)
endif()

add_library(sanitized INTERFACE)
if(ECSS_SANITIZE)
  target_compile_options(sanitized INTERFACE -fsanitize=${ECSS_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(sanitized INTERFACE -fsanitize=${ECSS_SANITIZE})
  if(ECSS_SANITIZE MATCHES "undefined")
    target_compile_options(sanitized INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()
if(ECSS_FUZZ)
  # libFuzzer steers by the coverage of everything that a target links.
  target_compile_options(sanitized INTERFACE -fsanitize=fuzzer-no-link)
endif()
