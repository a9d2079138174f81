# What was found good is looked at again by OpenSSL.
add_library(fuzz-again STATIC again.c)
target_link_libraries(fuzz-again PUBLIC smime-session-core OpenSSL::Crypto)

# The validator, with its names to itself: see judging.c.
add_library(fuzz-judging SHARED judging.c)
target_compile_options(fuzz-judging PRIVATE -fvisibility=hidden)
target_link_libraries(fuzz-judging PRIVATE smime-validator-lib)
target_link_options(fuzz-judging PRIVATE -Wl,--exclude-libs,ALL -Wl,-Bsymbolic)

smime_fuzz(session_reading fuzz-again)
smime_fuzz(session_verdict fuzz-again fuzz-judging)
smime_fuzz(session_call fuzz-again)
smime_fuzz(session_pem fuzz-again)
smime_fuzz(session_foreign fuzz-again)
smime_fuzz(session_seven_bit smime-session-core)
