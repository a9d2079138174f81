foreach(name cms_signed cms_enveloped)
  smime_fuzz(${name} smime-cms)
endforeach()
smime_fuzz(cms_compressed smime-compressed)
