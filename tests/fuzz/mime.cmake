foreach(name mime_header mime_address mime_multipart mime_transfer)
  smime_fuzz(${name} smime-mime)
endforeach()
