smime_fuzz(validator_check smime-validator-lib)
