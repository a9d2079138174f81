foreach(name pkcs11_module pkcs11_objects pkcs11_operations)
  smime_unit_test(${name} smime-pkcs11-code Threads::Threads)
endforeach()
smime_unit_test(pkcs11_threads smime-pkcs11-code Threads::Threads)
