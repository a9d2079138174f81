# What the tests of agent/cms share: keys, certificates and a keyholder in
# software, all of libcrypto.
add_library(cms-fixture STATIC cms_files.c cms_fixture.c)
target_link_libraries(cms-fixture PUBLIC smime-cms PkgConfig::CMOCKA)

foreach(name cms_ber cms_algorithm cms_object cms_signed cms_signed_write cms_enveloped
             cms_enveloped_refused cms_ccm cms_oaep cms_interop cms_vectors limits_cms limits_envelope)
  smime_unit_test(${name} cms-fixture)
endforeach()
smime_unit_test(cms_compressed cms-fixture smime-compressed)
smime_unit_test(cms_wiped cms-fixture)
target_link_options(test_cms_wiped PRIVATE -Wl,--wrap=free)
