smime_fuzz(importer_p12 smime-importer-code)
