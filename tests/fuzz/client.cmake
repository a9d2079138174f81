smime_fuzz(client_reply smime-client)
