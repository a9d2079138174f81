foreach(name err key_name mem secret stream fd log limits)
  smime_unit_test(${name} smime-base)
endforeach()
smime_unit_test(secret_time smime-base)
target_link_options(test_secret_time PRIVATE
  -Wl,--wrap=clock_ms -Wl,--wrap=fd_wait_readable)
foreach(name harden landlock sandbox sandbox_work)
  smime_unit_test(${name} smime-sandbox)
endforeach()

smime_unit_test(conf smime-conf)
