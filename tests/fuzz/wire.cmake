smime_fuzz(wire_records smime-wire)
