# Debian's Postfix and Dovecot, each in a folder of $WORLD and on a free port of
# loopback; a mail system of the machine is not touched. Both want root. To be
# sourced behind check.sh.
#
#   servers_begin                $BOXES, that nobody else than "nobody" writes
#   port_free                    prints a port
#   postfix_begin PORT MAP       MAP: Postfix's table from address to Maildir/
#   dovecot_begin PORT           IMAP; user NAME has $BOXES/NAME, any password

BOXES=
servers_begin() {
    chmod 755 "$WORLD"
    BOXES=$WORLD/boxes
    mkdir "$BOXES"
    chown nobody "$BOXES"
}
port_free() {
    python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
port_answers() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

postfix_begin() {
    local at=$WORLD/postfix
    mkdir -p "$at/queue" "$at/data"
    chown postfix "$at/data"
    cat >"$at/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $at/queue
data_directory = $at/data
daemon_directory = $(postconf -h daemon_directory)
maillog_file = $WORLD/server.log
maillog_file_prefixes = $WORLD
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
virtual_mailbox_domains = example.org
virtual_mailbox_base = $BOXES
virtual_mailbox_maps = $2
virtual_minimum_uid = 1
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
CONF
    sed -e "s/^smtp  *inet .*/127.0.0.1:$1 inet n - n - - smtpd/" \
        -e 's/^\([a-z]* *[a-z]* *[-yn] *[-yn] *\)y/\1n/' \
        "$(postconf -h config_directory)/master.cf" >"$at/master.cf"
    grep -q '^postlog' "$at/master.cf" ||
        echo 'postlog unix-dgram n - n - 1 postlogd' >>"$at/master.cf"
    postfix -c "$at" start >"$WORLD/start.log" 2>&1 &&
        wait_until port_answers "$1"
}
postfix_end() { postfix -c "$WORLD/postfix" stop >/dev/null 2>&1 || :; }

dovecot_begin() {
    local at=$WORLD/dovecot
    mkdir "$at"
    cat >"$at/dovecot.conf" <<CONF
base_dir = $at/run
state_dir = $at/run
log_path = $at/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:$BOXES/%u
service imap-login {
  inet_listener imap {
    port = $1
  }
  inet_listener imaps {
    port = 0
  }
}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$BOXES/%u
}
CONF
    dovecot -c "$at/dovecot.conf" >"$WORLD/start.log" 2>&1 &&
        wait_until port_answers "$1"
}
dovecot_end() { dovecot -c "$WORLD/dovecot/dovecot.conf" stop 2>/dev/null || :; }
