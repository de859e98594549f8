# Writes OUT, a C file with the migrations in SQL_DIR (NNNN_name.sql): cmake -DSQL_DIR=... -DOUT=... -P embed_sql.cmake
# The text goes in as an array of bytes, as C's string literals have a maximum length.
file(GLOB paths "${SQL_DIR}/[0-9][0-9][0-9][0-9]_*.sql")
list(SORT paths)
set(arrays "")
set(rows "")
set(expected 1)
foreach(path ${paths})
  get_filename_component(file ${path} NAME)
  string(REGEX MATCH "^([0-9]+)_([a-z0-9_]+)\\.sql$" matched ${file})
  if(NOT matched)
    message(FATAL_ERROR "${file}: a migration is named NNNN_what.sql, in lower case")
  endif()
  set(name ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" version "${CMAKE_MATCH_1}")
  if(NOT version EQUAL expected)
    message(FATAL_ERROR "${file}: expected a migration with the number ${expected}; there must be no gap and no twin")
  endif()
  math(EXPR expected "${expected} + 1")
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n    "
    bytes "${bytes}")
  string(APPEND arrays "static const unsigned char sql_${version}[] = {\n    ${bytes}0x00};\n")
  string(APPEND rows "    {${version}, \"${name}\", (const char *)sql_${version}},\n")
endforeach()
file(WRITE ${OUT} "/* Made from sql/ by cmake/embed_sql.cmake. */\n#include \"migrate.h\"\n\n${arrays}
const struct migration migrations[] = {\n${rows}};
const size_t migration_count = sizeof migrations / sizeof migrations[0];\n")
