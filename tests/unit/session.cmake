foreach(name session_varlink session_message session_serve session_serve_own session_foreign
             session_foreign_text session_handed_out
             session_methods session_pem session_rehearsal
             session_shell session_zygote)
  smime_unit_test(${name} smime-session-core Threads::Threads)
endforeach()
if(TARGET test_session_zygote)
  add_dependencies(test_session_zygote smime-session)
endif()
foreach(name session_spool session_output session_input session_seven_bit)
  smime_unit_test(${name} smime-session-core Threads::Threads)
endforeach()

# The mail engine, with keys of libcrypto in the tokens' place.
foreach(name session_protect session_protect_encrypted session_cut session_signer session_compose session_reading session_layers
             session_compressed
             session_parts session_attached session_again
             session_certificates session_covering session_decrypting
             session_judge session_mail limits_session)
  smime_unit_test(${name} smime-session-core cms-fixture Threads::Threads)
endforeach()
