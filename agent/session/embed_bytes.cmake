# Writes OUT, a C file with the bytes of the file IN as NAME and NAME_len:
#   cmake -DOUT=FILE -DIN=FILE -DNAME=NAME -DHEADER=FILE -P embed_bytes.cmake
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
get_filename_component(name ${IN} NAME)
file(WRITE ${OUT} "/* Made from ${name}. */
#include \"${HEADER}\"

const uint8_t ${NAME}[] = {${bytes}};
const size_t ${NAME}_len = sizeof(${NAME});
")
