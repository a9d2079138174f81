# A pinentry for tests: it logs each line it gets and answers from a list. To
# be sourced after world_begin; fills $WORLD/pinentry, the program.

log=$WORLD/pinentry.log
answers=$WORLD/answers
mkfifo "$WORLD/later"
exec 7<>"$WORLD/later" # so that nobody waits for its other end

# Answers to GETPIN and CONFIRM: "later" reads the PIN from the FIFO, "hang"
# stops reading (as one that reads a terminal does), "cancel" is Escape, or a
# no; else the answer itself, which is a yes.
cat >"$WORLD/pinentry" <<SCRIPT
#!/bin/bash
log=$log answers=$answers later=$WORLD/later
SCRIPT
cat >>"$WORLD/pinentry" <<'SCRIPT'
echo "START $$" >>"$log"
echo 'OK Pleased to meet you'
while IFS= read -r line; do
    answer=
    if [ "$line" = GETPIN ] || [ "$line" = CONFIRM ]; then
        answer=$(head -n 1 "$answers")
        sed -i 1d "$answers"
    fi
    printf '%s\n' "$line" >>"$log"
    [ "$answer" != later ] || read -r answer <"$later"
    [ "$line" != GETPIN ] || echo "ANSWER $$" >>"$log"
    case $line-$answer in
    GETPIN-hang) exec tail -f /dev/null ;;
    GETPIN-cancel | GETPIN-) echo 'ERR 83886179 Operation cancelled' ;;
    GETPIN-*) printf 'D %s\nOK\n' "$answer" ;;
    CONFIRM-cancel | CONFIRM-) echo 'ERR 83886194 Not confirmed' ;;
    'GETINFO pid-') printf 'D %s\nOK\n' $$ ;;
    BYE-) break ;;
    *) echo OK ;;
    esac
done
SCRIPT
chmod 700 "$WORLD/pinentry"

# expect ANSWERS...: what is answered from now on; the log begins anew, when
# the pinentry of before has written its last line.
expect() {
    [ ! -e "$log" ] || wait_until ended
    : >"$log"
    printf '%s\n' "$@" >"$answers"
}
ended() {
    local pid
    for pid in $(sed -n 's/^START //p' "$log"); do is_gone "$pid" || return 1; done
}
asked() { [ "$(grep -c '^GETPIN' "$log")" -eq "$1" ]; }
said() { grep -qE -e "$1" "$log"; }
never_said() { ! said "$1"; }
prompts() { check_that "$1: $2 asked" asked "$2"; }
