smime_unit_test(anchors_nss smime-anchors-lib)
