# Writes OUT, a C file with the interface descriptions as texts:
#   cmake -DOUT=FILE -DFOLDER=FOLDER "-DNAMES=a b c" -P embed.cmake
separate_arguments(names UNIX_COMMAND "${NAMES}")
set(arrays "")
set(rows "")
set(number 0)
foreach(name ${names})
  file(READ ${FOLDER}/${name}.varlink bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays
         "static const char text_${number}[] = {${bytes}0x00};\n")
  string(APPEND rows "    {\"${name}\", text_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Made from the .varlink files; see embed.cmake. */
#include \"agent/session/varlink.h\"

${arrays}
const struct varlink_interface varlink_interfaces[] = {
${rows}};
const size_t varlink_interface_count = ${number};
")
