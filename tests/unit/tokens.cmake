# A module that fails on demand, for every test that has a token.
add_library(smime-faultmod MODULE ${CMAKE_SOURCE_DIR}/tests/doubles/faultmod.c
  ${CMAKE_SOURCE_DIR}/tests/doubles/faultmod_plan.c)
set_target_properties(smime-faultmod PROPERTIES
  PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/doubles)
pkg_check_modules(FAULTMOD_P11KIT REQUIRED p11-kit-1)
target_include_directories(smime-faultmod PRIVATE
  ${FAULTMOD_P11KIT_INCLUDE_DIRS})
target_link_libraries(smime-faultmod PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)

# One whose constructor hangs on demand; never sanitized, for p11-kit-remote
# loads it, too.
add_library(smime-hangmod MODULE ${CMAKE_SOURCE_DIR}/tests/doubles/hangmod.c)
set_target_properties(smime-hangmod PROPERTIES
  COMPILE_OPTIONS "" LINK_OPTIONS "" PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/doubles)
target_include_directories(smime-hangmod PRIVATE ${FAULTMOD_P11KIT_INCLUDE_DIRS})
target_link_libraries(smime-hangmod PRIVATE ${CMAKE_DL_LIBS})

foreach(name store keys apart algorithms lacking import undo faults hang
             survive loading late together manage pins)
  smime_unit_test(tokens_${name} smime-tokens ${CMAKE_DL_LIBS})
  if(TARGET test_tokens_${name})
    target_include_directories(test_tokens_${name} PRIVATE
      ${FAULTMOD_P11KIT_INCLUDE_DIRS})
    target_compile_definitions(test_tokens_${name} PRIVATE
      VTOKEN_PATH="$<TARGET_FILE:smime-vtoken>"
      FAULTMOD_PATH="$<TARGET_FILE:smime-faultmod>"
      HANGMOD_PATH="$<TARGET_FILE:smime-hangmod>")
    add_dependencies(test_tokens_${name} smime-vtoken smime-faultmod
      smime-hangmod)
  endif()
endforeach()
# Those that set the clock of tokens/.
foreach(name hang survive together pins)
  if(TARGET test_tokens_${name})
    target_link_options(test_tokens_${name} PRIVATE
      -Wl,--wrap=clock_gettime -Wl,--wrap=pthread_cond_timedwait)
  endif()
endforeach()
