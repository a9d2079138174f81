# Directories for tests: Debian's slapd, unprivileged, on a free port of
# 127.0.0.1 (or ::1), with a folder of its own below $WORLD. Source it after
# check.sh.
#
#   directory_start NAME [slapd.conf lines]   DIRECTORY_PORT is its port then
#   directory_replica NAME OF                 a consumer of OF by syncrepl
#   directory_stop NAME
#   directory_add NAME <LDIF
#   directory_person NAME UID ADDRESS         an entry without a certificate
#   directory_certificate NAME UID FILE...    puts certificates (PEM) into it
#   directory_conf PERSON lines...            [directory] of agent.conf

BASE=dc=example,dc=org
ADMIN=cn=admin,$BASE
ADMIN_PASSWORD=adminpassword

have_slapd() {
    PATH=$PATH:/usr/sbin:/sbin
    command -v slapd >/dev/null && command -v ldapmodify >/dev/null
}

free_port() {
    python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

directory_port() { cat "$WORLD/ldap-$1/port"; }
directory_url() { echo "ldap://127.0.0.1:$(directory_port "$1")"; }

slapd_conf() { # FOLDER, more lines on stdin
    cat <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
pidfile $1/slapd.pid
argsfile $1/slapd.args
${SLAPD_GLOBAL:-}
database mdb
maxsize 16777216
suffix "$BASE"
rootdn "$ADMIN"
rootpw $ADMIN_PASSWORD
directory $1/db
dbnosync
index objectClass,entryCSN,entryUUID eq
index mail eq
overlay syncprov
access to attrs=userPassword by anonymous auth by * none
access to * by self write by * read
CONF
    cat
}

slapd_answers() {
    ldapsearch -x -LLL -H "$1" -b '' -s base >/dev/null 2>&1
}

slapd_run() { # NAME
    local folder=$WORLD/ldap-$1 host=${SLAPD_HOST:-127.0.0.1} tries=5
    until [ "$tries" = 0 ]; do
        DIRECTORY_PORT=$(cat "$folder/port" 2>/dev/null || free_port)
        slapd -h "ldap://$host:$DIRECTORY_PORT${SLAPD_ALSO:+ $SLAPD_ALSO}" \
            -f "$folder/slapd.conf" -d 0 >"$folder/log" 2>&1 &
        echo $! >"$folder/agent.pid"
        if wait_until slapd_answers "ldap://$host:$DIRECTORY_PORT"; then
            echo "$DIRECTORY_PORT" >"$folder/port"
            return 0
        fi
        cat "$folder/log" >&2
        tries=$((tries - 1))
    done
    return 1
}

directory_start() {
    local name=$1 folder=$WORLD/ldap-$1
    shift
    # agent.pid: what world_end ends.
    mkdir -p "$folder/db"
    printf '%s\n' "$@" | slapd_conf "$folder" >"$folder/slapd.conf"
    slapd_run "$name"
}

directory_replica() {
    directory_start "$1" "syncrepl rid=001 provider=$(directory_url "$2") \
searchbase=$BASE type=refreshAndPersist retry=\"1 +\" bindmethod=simple \
binddn=$ADMIN credentials=$ADMIN_PASSWORD"
}

directory_stop() {
    local pid
    pid=$(cat "$WORLD/ldap-$1/agent.pid") && kill "$pid" && wait_gone "$pid"
    rm -f "$WORLD/ldap-$1/agent.pid"
}

as_admin() { # NAME COMMAND...
    local url
    url=$(directory_url "$1")
    shift
    "$@" -x -H "$url" -D "$ADMIN" -w "$ADMIN_PASSWORD" >/dev/null
}

directory_add() { as_admin "$1" ldapadd; }

directory_root() {
    directory_add "$1" <<LDIF
dn: $BASE
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,$BASE
objectClass: organizationalUnit
ou: people
LDIF
}

person_dn() { echo "uid=$1,ou=people,$BASE"; }

directory_person() { # NAME UID ADDRESS
    directory_add "$1" <<LDIF
dn: $(person_dn "$2")
objectClass: inetOrgPerson
uid: $2
cn: ${2^}
sn: ${2^}
mail: $3
userPassword: secret-of-$2
LDIF
}

# add_value NAME UID ATTRIBUTE FILE (DER)
add_value() {
    as_admin "$1" ldapmodify <<LDIF
dn: $(person_dn "$2")
changetype: modify
add: $3;binary
$3;binary:< file://$4
LDIF
}

directory_certificate() { # NAME UID FILE... (PEM)
    local name=$1 uid=$2 file
    shift 2
    for file; do
        quiet openssl x509 -in "$file" -outform DER -out "$WORLD/value.der"
        add_value "$name" "$uid" userCertificate "$WORLD/value.der"
    done
}

directory_conf() { # PERSON lines...
    local file=$WORLD/$1/config/smime-agent/agent.conf
    shift
    sed -i '/^\[directory\]/,$d' "$file"
    printf '%s\n' '[directory]' "$@" >>"$file"
}
