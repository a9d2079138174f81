foreach(name session_varlink session_serve session_methods
             session_shell session_zygote)
  smime_unit_test(${name} smime-session-core Threads::Threads)
endforeach()
if(TARGET test_session_zygote)
  add_dependencies(test_session_zygote smime-session)
endif()
