# embed_file(<target> <file> <symbol>): the file's bytes as `const char symbol[]`, followed by a NUL, and
# `const size_t symbol_len`, in a C file that is made at build time and again when the file changes.
function(embed_file target file symbol)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} -DIN=${file} -DOUT=${made} -DSYMBOL=${symbol} -P ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
    COMMENT "Embedding ${file}" VERBATIM)
  target_sources(${target} PRIVATE ${made})
endfunction()
