# A throw-away world for tests and for scripts/try: a certificate authority,
# people with a home, a SoftHSM2 token and an agent each. Source it, then:
#
#   world_begin                     makes $WORLD, removed at exit
#   world_ca NAME                   a root of its own
#   world_certificate CA NAME ADDRESS [KEY] [EXTRA]   NAME.key, NAME.crt
#   world_p12 NAME modern|old       NAME.p12 with the chain, password $P12_PASSWORD
#   world_person NAME               home, token (PIN $PIN), configuration
#   as NAME COMMAND...              runs it in that person's environment
#   agent_start NAME / agent_stop NAME / agent_kill NAME
#
# Nothing outside $WORLD is read or written. BIN holds smime and smime-agent.

PIN=${PIN:-271828}
P12_PASSWORD=${P12_PASSWORD:-"correct horse"}
SOFTHSM=${SOFTHSM:-/usr/lib/softhsm/libsofthsm2.so}

world_begin() {
    WORLD=$(mktemp -d "${TMPDIR:-/tmp}/smime.XXXXXX") || exit 70
    export WORLD
    trap world_end EXIT
    trap 'exit 130' INT TERM
    mkdir "$WORLD/ca" "$WORLD/mail"
    mkfifo "$WORLD/pause"
}

world_end() {
    local pid_file
    for pid_file in "$WORLD"/*/agent.pid; do
        [ -f "$pid_file" ] && kill "$(cat "$pid_file")" 2>/dev/null
    done
    for pid_file in "$WORLD"/*/agent.pid; do
        [ -f "$pid_file" ] && wait_gone "$(cat "$pid_file")"
    done
    [ -n "${WORLD_KEEP:-}" ] || rm -rf "$WORLD"
}

# Waits SECONDS, without a process for it: a long test that makes hundreds of
# thousands of them sees their numbers again, and then bash may take one that
# it has forgotten for one that still runs.
pause() { read -r -t "$1" <>"$WORLD/pause" || :; }

# Waits until CONDITION (a command) holds, at most 25 seconds and as long as it
# takes to ask: what does not hold soon is asked less often.
wait_until() {
    local tries=0
    until "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 140 ] || return 1
        if [ "$tries" -le 20 ]; then pause 0.05; else pause 0.2; fi
    done
}

# One that nobody waits for is gone too: the first process of a container may
# be none that collects other people's children.
is_gone() {
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}
wait_gone() { wait_until is_gone "$1"; }

# openssl with its chatter kept for when it fails.
quiet() {
    "$@" >"$WORLD/quiet.log" 2>&1 || {
        cat "$WORLD/quiet.log" >&2
        return 1
    }
}

key_options() {
    case $1 in
    rsa*) echo "-algorithm RSA -pkeyopt rsa_keygen_bits:${1#rsa}" ;;
    p256) echo "-algorithm EC -pkeyopt ec_paramgen_curve:P-256" ;;
    p384) echo "-algorithm EC -pkeyopt ec_paramgen_curve:P-384" ;;
    p521) echo "-algorithm EC -pkeyopt ec_paramgen_curve:P-521" ;;
    brainpool* | secp*) echo "-algorithm EC -pkeyopt ec_paramgen_curve:$1" ;;
    ed25519) echo "-algorithm ED25519" ;;
    esac
}

# world_key KIND FILE: a private key that this world has not used yet. An RSA
# key takes as long to make as a dozen tests of it: the N-th of a world is the
# N-th of every world of a build tree ($TESTS/keys), made when first wanted.
world_key() {
    local kind=$1 file=$2 pool=${TESTS:+$TESTS/keys} used=0 kept
    read -r used 2>/dev/null <"$WORLD/keys-used" || :
    echo $((used + 1)) >"$WORLD/keys-used"
    kept=$pool/$kind-$used.pem
    case $kind in rsa*) ;; *) pool= ;; esac
    if [ -z "$pool" ] || ! cp "$kept" "$file" 2>/dev/null; then
        # shellcheck disable=SC2046
        quiet openssl genpkey $(key_options "$kind") -out "$file" || return 1
        # Whole or not at all: other tests run beside this one.
        [ -z "$pool" ] || { mkdir -p "$pool" && cp "$file" "$kept.$$" &&
            mv "$kept.$$" "$kept"; }
    fi
}

world_ca() {
    world_key rsa2048 "$WORLD/ca/$1.key" &&
        quiet openssl req -x509 -key "$WORLD/ca/$1.key" -days 3650 -sha256 \
            -subj "/O=Example/CN=$1 root" -out "$WORLD/ca/$1.pem" \
            -addext 'keyUsage=critical,keyCertSign,cRLSign'
}

# world_certificate CA NAME ADDRESS [rsa2048|rsa3072|p256|p384] [openssl x509
# options such as -days]; ADDRESS may be empty. USAGE, EKU override.
world_certificate() {
    local ca=$1 name=$2 address=$3 kind=${4:-rsa2048}
    shift 4 2>/dev/null || shift $#
    local usage=digitalSignature,keyEncipherment
    case $kind in p* | brainpool* | secp*) usage=digitalSignature,keyAgreement ;; esac
    {
        echo "keyUsage=critical,${USAGE:-$usage}"
        echo "extendedKeyUsage=${EKU:-emailProtection}"
        echo "basicConstraints=CA:false"
        [ -z "$address" ] || echo "subjectAltName=email:$address"
    } >"$WORLD/ca/$name.ext"
    world_key "$kind" "$WORLD/ca/$name.key" &&
        quiet openssl req -new -key "$WORLD/ca/$name.key" \
            -subj "/O=Example/CN=${COMMON_NAME:-$name}" \
            -out "$WORLD/ca/$name.csr" &&
        quiet openssl x509 -req -in "$WORLD/ca/$name.csr" -sha256 \
            -CA "$WORLD/ca/$ca.pem" -CAkey "$WORLD/ca/$ca.key" \
            -CAcreateserial -extfile "$WORLD/ca/$name.ext" \
            -out "$WORLD/ca/$name.crt" $([ $# -gt 0 ] || echo -days 365) "$@" &&
        echo "$ca" >"$WORLD/ca/$name.issuer"
}

world_p12() {
    local name=$1 style=$2
    local chain=$WORLD/ca/$(cat "$WORLD/ca/$1.issuer").pem
    local old=()
    [ "$style" = modern ] ||
        old=(-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1)
    printf '%s\n' "$P12_PASSWORD" | quiet openssl pkcs12 -export "${old[@]}" \
        -inkey "$WORLD/ca/$name.key" -in "$WORLD/ca/$name.crt" \
        -certfile "$chain" -name "$name" -passout stdin \
        -out "$WORLD/$name.p12"
}

world_home() {
    local home=$WORLD/$1
    mkdir -p "$home"/{config/smime-agent/anchors,data,state,cache,run,tokens}
    chmod 700 "$home"/*
    printf 'directories.tokendir = %s\nobjectstore.backend = file\n' \
        "$home/tokens" >"$home/softhsm2.conf"
    cat >"$home/config/smime-agent/agent.conf" <<CONF
[modules]
system = no

[module softhsm]
path = $SOFTHSM
CONF
}

world_person() {
    world_home "$1"
    quiet as "$1" softhsm2-util --init-token --free --label "$1" \
        --so-pin 314159 --pin "$PIN"
}

# Trusts a root for mail.
world_trust() { # PERSON CA
    cp "$WORLD/ca/$2.pem" "$WORLD/$1/config/smime-agent/anchors/"
}

person_environment() {
    local home=$WORLD/$1
    export HOME=$home XDG_CONFIG_HOME=$home/config XDG_DATA_HOME=$home/data \
        XDG_STATE_HOME=$home/state XDG_CACHE_HOME=$home/cache \
        XDG_RUNTIME_DIR=$home/run SOFTHSM2_CONF=$home/softhsm2.conf
    unset SMIME_AGENT_SOCK
}

as() (
    person_environment "$1"
    shift
    exec "$@"
)

agent_ready() {
    local line
    while read -r line; do
        case $line in *ready*) return ;; esac
    done <"$WORLD/$1/agent.log"
    return 1
}

agent_start() {
    : >"$WORLD/$1/agent.log"
    (
        person_environment "$1"
        exec "$BIN/smime-agent" 2>>"$WORLD/$1/agent.log" </dev/null
    ) &
    echo $! >"$WORLD/$1/agent.pid"
    wait_until agent_ready "$1" || {
        echo "the agent of $1 did not get ready:" >&2
        cat "$WORLD/$1/agent.log" >&2
        return 1
    }
}

agent_stop() {
    local pid
    pid=$(cat "$WORLD/$1/agent.pid") || return 1
    kill "$pid"
    wait "$pid"
    local status=$?
    rm -f "$WORLD/$1/agent.pid"
    return $status
}

# For a sanitized program that is started often: to look for leaks takes it
# longer than all else.
NO_LEAKS=ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# Leaks are looked for in the first of all calls that differ in files only.
options_for_leaks() { # WORDS...
    local word seen=$WORLD/looked
    [ "${SANITIZED:-OFF}" = ON ] || return 0
    for word; do
        case $word in */*) ;; *) seen+=.$word ;; esac
    done
    seen+=.log
    if [ -e "$seen" ]; then export "${NO_LEAKS?}"; else : >"$seen"; fi 2>/dev/null
}

# smime in someone's name; secrets come through descriptor 9 where asked.
smime_of() (
    person_environment "$1"
    shift
    options_for_leaks "$@"
    exec "$BIN/smime" "$@"
)

unlock() {
    smime_of "$1" unlock --token "${2:-$1}" --pin-fd 9 9<<<"$PIN"
}

import_p12() { # PERSON NAME [options]
    local who=$1 name=$2
    shift 2
    smime_of "$who" import "$WORLD/$name.p12" "$@" --password-fd 9 9<<<"$P12_PASSWORD"
}
