foreach(name validator_check validator_facts validator_armour)
  smime_fuzz(${name} smime-validator-lib)
endforeach()
