find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)

foreach(name importer_p12 importer_forms importer_conformance)
  smime_unit_test(${name} smime-importer-code)
endforeach()
foreach(name keyholder_config keyholder_audit keyholder_crew keyholder_failures keyholder_pinentry
             keyholder_remembered limits_keyholder)
  smime_unit_test(${name} smime-keyholder-code)
endforeach()
# Real processes on a SoftHSM token.
foreach(name keyholder_process keyholder_operations keyholder_raw keyholder_manage
             keyholder_prompts keyholder_consent keyholder_kept
             keyholder_survive keyholder_locks)
  smime_unit_test(${name} smime-wire smime-base OpenSSL::Crypto
                  Threads::Threads)
  add_dependencies(test_${name} smime-keyholder smime-importer smime-vtoken
                                  smime-faultmod)
endforeach()
if(TARGET test_keyholder_raw)
  target_link_libraries(test_keyholder_raw PRIVATE smime-keyholder-code)
endif()
foreach(name keyholder_process keyholder_prompts keyholder_kept)
  smime_root_test(${name})
endforeach()
smime_unit_test(limits_p12 smime-importer-code smime-cms)
add_dependencies(test_limits_p12 smime-importer)
smime_unit_test(importer_life smime-importer-code smime-sandbox)
target_link_options(test_importer_life PRIVATE -Wl,--wrap=alarm)
