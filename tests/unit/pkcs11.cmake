smime_unit_test(pkcs11_module smime-pkcs11-code Threads::Threads)
smime_unit_test(pkcs11_threads smime-pkcs11-code Threads::Threads)
