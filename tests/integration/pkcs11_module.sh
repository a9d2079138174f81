# What tests of smime-agent-pkcs11.so share: to be sourced behind check.sh.

MODULE=${BIN%/bin}/lib/pkcs11/smime-agent-pkcs11.so
[ -f "$MODULE" ] || skip "$MODULE is not built"

# person_of_keys PERSON KIND...: a person with a key of each kind
# (certificates of TLS clients and of mail), whose agent has a raw socket.
person_of_keys() {
    local who=$1 kind
    shift
    for kind; do
        EKU=emailProtection,clientAuth,serverAuth \
            world_certificate Test "$who-$kind" "$who-$kind@example.org" "$kind"
        world_p12 "$who-$kind" modern
    done
    world_person "$who"
    world_trust "$who" Test
    cat >>"$WORLD/$who/config/smime-agent/agent.conf" <<CONF
[raw]
enabled = yes
[pinentry]
program = $WORLD/pinentry
CONF
    agent_start "$who" || exit 1
    unlock "$who" >/dev/null || exit 1
    for kind; do import_p12 "$who" "$who-$kind" >/dev/null || exit 1; done
}
audited() { # OPERATION PROGRAM RESULT
    grep -qE "program=\"$2.* operation=$1 .*result=$3" \
        "$WORLD/max/state/smime-agent/audit.log"
}
