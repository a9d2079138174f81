# Checks for integration tests, on top of world.sh. Each prints one line;
# check_end gives the exit code.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/world.sh"
: "${BIN:?BIN must name the folder with smime and smime-agent}"
FAILED=0
PASSED=0

passed() {
    PASSED=$((PASSED + 1))
    echo "ok    $1"
}
failed() {
    FAILED=$((FAILED + 1))
    echo "FAIL  $1"
    shift
    [ $# -eq 0 ] || printf '      %s\n' "$@"
}

# check WHAT EXIT PATTERN COMMAND...: runs the command with stdout in
# $WORLD/out and stderr in $WORLD/err; PATTERN (extended, may be empty) must
# be in one of them.
check() {
    local what=$1 want=$2 pattern=$3 status=0
    shift 3
    "$@" >"$WORLD/out" 2>"$WORLD/err" || status=$?
    if [ "$status" -ne "$want" ]; then
        failed "$what" "exit code $status instead of $want" \
            "$(head -c 600 "$WORLD/out")" "$(head -c 1200 "$WORLD/err")"
    elif [ -n "$pattern" ] && ! grep -qaiE -e "$pattern" "$WORLD/out" "$WORLD/err"; then
        failed "$what" "it does not say: $pattern" \
            "$(head -c 600 "$WORLD/out")" "$(head -c 1200 "$WORLD/err")"
    else
        passed "$what"
    fi
}

# check_that WHAT COMMAND...: the command must succeed.
check_that() {
    local what=$1
    shift
    if "$@" >"$WORLD/that" 2>&1; then passed "$what"; else
        failed "$what" "$(head -c 1200 "$WORLD/that")"
    fi
}

check_end() {
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

skip() {
    echo "SKIPPED: $1"
    exit 77
}

# The usual beginning: a CA named Test, people with RSA keys on their tokens,
# each trusting it, agents running, keys imported.
world_people() {
    local who
    world_ca Test
    for who; do
        world_certificate Test "$who" "$who@example.org" "${KIND:-rsa2048}"
        world_p12 "$who" modern
        world_person "$who"
        world_trust "$who" Test
        agent_start "$who" || exit 1
        unlock "$who" >/dev/null || exit 1
        import_p12 "$who" "$who" >/dev/null || exit 1
    done
}

# A system bus of its own, where there is a dbus-daemon: nobody's real one is
# touched. It ends with the test; a trap of the test's own calls bus_end.
bus_begin() {
    command -v dbus-daemon >/dev/null || return 1
    cat >"$WORLD/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=$WORLD/bus</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
CONF
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$WORLD/bus
    dbus-daemon --config-file="$WORLD/bus.conf" --nofork --nopidfile \
        2>"$WORLD/bus.log" &
    BUS=$!
    trap bus_end EXIT
    wait_until test -S "$WORLD/bus" || failed 'no bus' "$(cat "$WORLD/bus.log")"
}
bus_end() {
    kill "$BUS" 2>/dev/null
    world_end
}

# One for all mails of a test: what is signed now is of today.
MAIL_DATE=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S +0000')

# mail FROM TO [SUBJECT]: a plain message on stdout.
mail() {
    printf 'From: %s\nTo: %s\nSubject: %s\nDate: '"$MAIL_DATE"'\nMessage-ID: <%s@example.org>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\nThe text of %s.\nSecond line.\n' \
        "$1" "$2" "${3:-test}" "${3:-test}" "${3:-test}"
}
