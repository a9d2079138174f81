smime_fuzz(fetcher_value smime-fetcher-lib)
