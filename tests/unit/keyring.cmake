# Certificates and evidence made in a test.
add_library(smime-test-make STATIC validator_make.c)
target_include_directories(smime-test-make
                           PUBLIC ${CMAKE_SOURCE_DIR}/tests/unit)
target_link_libraries(smime-test-make PUBLIC smime-cms smime-wire smime-base)

smime_unit_test(validator_parts smime-validator-lib)
smime_unit_test(validator_judge smime-validator-lib smime-test-make)
smime_unit_test(validator_trust smime-validator-lib smime-test-make)
smime_unit_test(validator_pkits smime-validator-lib)
smime_unit_test(validator_lent smime-validator-lib smime-test-make)
smime_unit_test(validator_stored smime-validator-lib smime-test-make)
smime_unit_test(validator_bounds smime-validator-lib smime-test-make)
smime_unit_test(limits_validator smime-validator-lib smime-test-make)
smime_unit_test(validator_check smime-validator-lib smime-test-make)
smime_unit_test(keyring_store smime-keyring-lib)
smime_unit_test(keyring_processes smime-test-make smime-wire smime-base)
add_dependencies(test_keyring_processes smime-keyring smime-validator)
smime_unit_test(keyring_trust smime-test-make smime-wire smime-base)
add_dependencies(test_keyring_trust smime-keyring smime-validator)
smime_unit_test(keyring_issuers smime-test-make smime-wire smime-base
 sqlite3)
add_dependencies(test_keyring_issuers smime-keyring smime-validator)
