# What the scripts of this folder share: each sets a PKCS#11 module up
# headless, in a folder and, where it has a daemon, in namespaces of its own,
# and lets the real agent work with it. Source it first.
#
#   alone "$@"              goes on in namespaces of its own, so that daemons
#                           and their fixed places are ours, and end with us
#   need COMMAND_OR_FILE... skips (exit 77) with the reason
#   world_module PERSON PATH [INIT]    a home whose agent has that module only
#   operation NAME yes COMMAND...      it must succeed
#   operation NAME no PATTERN COMMAND...   it must be refused, with exit code
#                           4 to 9 and a sentence that says PATTERN
#   note NAME RESULT        a row of the table without a check of its own
#
# The rows go to $TABLE (or nowhere): module, operation, result, with tabs.

. "$(dirname "${BASH_SOURCE[0]}")/../integration/check.sh"
MODULE=${0##*/}
here=$(cd "$(dirname "$0")" && pwd)
PROBE=${PROBE:-$TESTS/tokens/probe}
LIBRARIES=/usr/lib/$(uname -m)-linux-gnu

skipped() {
    echo "skipped: $1"
    [ -z "${TABLE:-}" ] || printf '%s\tall\tskipped: %s\n' "$MODULE" "$1" >>"$TABLE"
    exit 77
}

need() {
    local what
    for what; do
        case $what in
        /*) [ -e "$what" ] || skipped "$what is not there (scripts/deps --tokens)" ;;
        *) command -v "$what" >/dev/null || skipped "$what is not there (scripts/deps --tokens)" ;;
        esac
    done
}

alone() {
    local apart=(unshare --mount --ipc --pid --fork --mount-proc --kill-child)
    [ -z "${ALONE:-}" ] || return 0
    [ "$(id -u)" -eq 0 ] || skipped "it needs root, for namespaces of its own"
    "${apart[@]}" true 2>/dev/null || skipped "namespaces are not allowed here"
    ALONE=yes exec "${apart[@]}" "$0" "$@"
}

# cover FOLDER...: our own, empty at first, in the place of the system's.
cover() {
    local folder
    for folder; do
        mkdir -p "$WORLD/cover$folder"
        mount --bind "$WORLD/cover$folder" "$folder" || exit 70
    done
}

world_module() {
    local init=()
    world_home "$1"
    world_trust "$1" Test
    [ -z "${3:-}" ] || init=("init = $3")
    printf '%s\n' '[modules]' 'system = no' "[module $MODULE]" "path = $2" \
        "${init[@]}" >"$WORLD/$1/config/smime-agent/agent.conf"
}

note() {
    [ -z "${TABLE:-}" ] || printf '%s\t%s\t%s\n' "$MODULE" "$1" "$2" >>"$TABLE"
}

# The first line that smime wrote about it, without its name.
reason() { sed -n 's/^smime: //p' "$WORLD/err" | head -1; }

operation() {
    local name=$1 want=$2 pattern='' status=0
    shift 2
    if [ "$want" = no ]; then
        pattern=$1
        shift
    fi
    "$@" >"$WORLD/out" 2>"$WORLD/err" || status=$?
    if [ "$want" = yes ] && [ "$status" -eq 0 ]; then
        passed "$name"
        note "$name" yes
    elif [ "$want" = no ] && [ "$status" -ge 4 ] && [ "$status" -le 9 ] &&
        grep -qE -e "$pattern" "$WORLD/err"; then
        passed "$name is refused: $(reason)"
        note "$name" "no: $(reason)"
    else
        failed "$name" "exit code $status, wanted: $want $pattern" \
            "$(head -c 600 "$WORLD/out")" "$(head -c 1200 "$WORLD/err")"
        note "$name" "FAILED: $(reason)"
    fi
}

# ---- what is done with a key, in the name of $WHO ---------------------------

me() { smime_of "$WHO" "$@"; }

open_token() { me unlock --token "$1" --pin-fd 9 9< <(printf '%s\n' "${2:-$PIN}"); }

# make_p12 NAME KIND
make_p12() {
    [ -f "$WORLD/$1.p12" ] && return
    world_certificate Test "$1" "$1@example.org" "$2" && world_p12 "$1" modern &&
        mail "$1@example.org" "$1@example.org" "$1" >"$WORLD/mail/$1"
}

import_to() { # TOKEN NAME
    import_p12 "$WHO" "$2" --token "$1"
}

# A request of the token's own key, certified and installed: generate_on TOKEN
# NAME ALGORITHM
generate_on() {
    mail "$2@example.org" "$2@example.org" "$2" >"$WORLD/mail/$2"
    me generate --address "$2@example.org" --algorithm "$3" --token "$1" \
        >"$WORLD/ca/$2.csr" || return
    quiet openssl x509 -req -in "$WORLD/ca/$2.csr" -sha256 -days 90 \
        -CA "$WORLD/ca/Test.pem" -CAkey "$WORLD/ca/Test.key" -CAcreateserial \
        -copy_extensions copyall -out "$WORLD/ca/$2.crt" &&
        me install "$WORLD/ca/$2.crt"
}

sign_with() { # NAME
    me sign "$WORLD/mail/$1" >"$WORLD/mail/$1.signed"
}

verify_of() { # NAME: ours and openssl's opinion
    me verify "$WORLD/mail/$1.signed" &&
        openssl cms -verify -in "$WORLD/mail/$1.signed" -purpose smimesign \
            -CAfile "$WORLD/ca/Test.pem" -out /dev/null
}

# Learns the certificate from the signed mail, then writes to it.
encrypt_to() { # NAME
    me open "$WORLD/mail/$1.signed" >/dev/null &&
        me encrypt --from "$1@example.org" --to "$1@example.org" \
            "$WORLD/mail/$1" >"$WORLD/mail/$1.encrypted"
}

says_text() { # NAME FILE
    me decrypt "$2" >"$WORLD/mail/decrypted" && grep -q "The text of $1" "$WORLD/mail/decrypted"
}

decrypt_own() { says_text "$1" "$WORLD/mail/$1.encrypted"; }

# openssl_mail NAME [options of openssl cms -encrypt]
openssl_mail() {
    openssl cms -encrypt -aes-256-cbc -in "$WORLD/mail/$1" \
        -out "$WORLD/mail/$1.p7m" -recip "$WORLD/ca/$1.crt" "${@:2}"
}

decrypt_openssl() { # NAME [options]
    openssl_mail "$@" && says_text "$1" "$WORLD/mail/$1.p7m"
}

rsa_key() { # NAME: all that a key of this kind can do
    operation "sign, RSA" yes sign_with "$1"
    operation "verify, RSA" yes verify_of "$1"
    operation "encrypt, RSA" yes encrypt_to "$1"
    operation "decrypt, RSA v1.5" yes decrypt_own "$1"
    operation "decrypt, OAEP SHA-1" "${OAEP[@]:-yes}" decrypt_openssl "$1" -keyopt rsa_padding_mode:oaep
    operation "decrypt, OAEP SHA-256" "${OAEP256[@]:-yes}" decrypt_openssl "$1" \
        -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256
}

ec_key() { # NAME KIND
    operation "sign, $2" yes sign_with "$1"
    operation "verify, $2" yes verify_of "$1"
    operation "encrypt, $2" yes encrypt_to "$1"
    operation "decrypt, ECDH $2" "${ECDH[@]:-yes}" decrypt_own "$1"
}

# ---- the parts that all of them have ----------------------------------------

# tokens_and_login TOKEN PIN WRONG
tokens_and_login() {
    me doctor >"$WORLD/doctor" 2>&1
    check "the token is listed as locked" 0 "$1 +locked" me tokens
    check_that "doctor says how to unlock it" grep -q "smime unlock --token" "$WORLD/doctor"
    check "a wrong PIN is a wrong PIN" 7 "wrong PIN for the token $1" open_token "$1" "$3"
    operation "unlock" yes open_token "$1" "$2"
    check "it is unlocked" 0 "$1 +unlocked" me tokens
}

# Files for the imports: rsa, ec, ed.
make_keys() {
    make_p12 rsa rsa2048 && make_p12 ec p256 && make_p12 ed ed25519
}

# probe MODULE INIT TOKEN PIN: every scheme, hash and label, without an agent
probe() {
    local status=0 name result
    printf '%s\n' "$4" | "$PROBE" "$1" "$2" "$3" >"$WORLD/probe" 2>"$WORLD/probe.err" || status=$?
    cat "$WORLD/probe.err"
    while IFS=$'\t' read -r name result; do note "$name" "$result"; done <"$WORLD/probe"
    check_that "no result of any scheme is wrong (see the table)" test "$status" -eq 0
    sed 's/^/      /' "$WORLD/probe"
}

finish() {
    check "tokens is readable" 0 '' me tokens
    check "keys is readable" 0 '' me keys
    check "doctor is readable" 0 'next: |All is well' me doctor
    check_that "the agent stops" agent_stop "$1"
    check_end
}
