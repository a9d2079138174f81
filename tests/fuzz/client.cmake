smime_fuzz(client_reply smime-client)
smime_fuzz(client_gpgsm smime-gpgsm-core)
smime_fuzz(client_mbox smime-cli)
