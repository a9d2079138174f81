foreach(name mime_header mime_address mime_multipart mime_transfer
             mime_legacy_display)
  smime_fuzz(${name} smime-mime)
endforeach()
