/* The anchor of seeds/session_verdict: make_verdict_seeds writes it. */
#define VERDICT_ANCHOR                                                         \
    "-----BEGIN CERTIFICATE-----\n"                                            \
    "MIIBYzCCAQqgAwIBAgIUBQ7xyCkqgI7SYwSxkF/nY4FPKYUwCgYIKoZIzj0EAwIw\n"       \
    "DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjUyMTAzNTBaGA8yMDU0MDQxMjIxMDM1\n"       \
    "MFowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABExO\n"       \
    "PT26A/Hbfds2UxzmBba2FBXlwIAv9VdOz6s6giocWvFXCF1L+r+Go8eRE8P+Sgn1\n"       \
    "dSulCWrg/OvlVH9mfW+jQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD\n"       \
    "AgEGMB0GA1UdDgQWBBRhwmOdzD9O2EiNtl81fpqNqKbIjTAKBggqhkjOPQQDAgNH\n"       \
    "ADBEAiAtLIUW5/jBH6x0mFjAB1ViBgFN24gc28CY2ugsWpfIsAIgHUl4Ox0Ngsdm\n"       \
    "bvN0Y4EOmHDdaKbXhOozaTRR5XFMMXo=\n"                                       \
    "-----END CERTIFICATE-----\n"                                              \
    ""
