smime_unit_test(broker_connection smime-broker)
smime_unit_test(broker_systemd smime-broker)
smime_unit_test(broker_builtin smime-broker)
smime_unit_test(broker_run smime-broker)

# One program under the names of the broker's children.
set(fake_libexec ${CMAKE_BINARY_DIR}/tests/unit/fake-libexec)
file(MAKE_DIRECTORY ${fake_libexec})
add_executable(broker_fake broker_fake.c)
target_link_libraries(broker_fake PRIVATE smime-wire smime-base)
set_target_properties(broker_fake PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                             ${fake_libexec})
foreach(name keyholder keyring validator session)
  add_custom_command(
    TARGET broker_fake
    POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink broker_fake
            ${fake_libexec}/smime-${name})
endforeach()
add_dependencies(test_broker_run broker_fake)
smime_root_test(broker_connection)
