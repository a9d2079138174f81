foreach(name mime_header mime_content_type mime_file_name mime_date
             mime_address mime_encoded_word
             mime_base64 mime_quoted mime_line_ends mime_multipart mime_mails
             mime_elsewhere mime_preamble mime_safe_lines mime_safe_field mime_legacy_display address_same)
  smime_unit_test(${name} smime-mime)
endforeach()
