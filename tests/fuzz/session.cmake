smime_fuzz(session_reading smime-session-core)
