foreach(name wire_records wire_channel wire_calls)
  smime_unit_test(${name} smime-wire Threads::Threads)
endforeach()
