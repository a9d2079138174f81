smime_unit_test(client_lib smime-client smime-base)
smime_unit_test(client_cli smime-base Threads::Threads)
add_dependencies(test_client_cli smime)
