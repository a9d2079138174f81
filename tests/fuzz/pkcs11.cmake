smime_fuzz(pkcs11_list smime-pkcs11-code)
