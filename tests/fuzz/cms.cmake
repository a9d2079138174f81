foreach(name cms_signed cms_enveloped)
  smime_fuzz(${name} smime-cms)
endforeach()
