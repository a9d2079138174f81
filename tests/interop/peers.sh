# The peers. Each writes DER into the last argument of _sign, the first of
# _encrypt; _decrypt leaves $WORLD/plain.

key_file() { echo "$WORLD/ca/$1.key"; }
cert_file() { echo "$WORLD/ca/$1.crt"; }

# ---- openssl ----------------------------------------------------------------------
openssl_sign() { # KEY SCHEME DIGEST FORM OUT
    local more=
    [ "$2" = pss ] && more='-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1'
    [ "$4" = opaque ] && more="$more -nodetach"
    # shellcheck disable=SC2086
    worded openssl cms -sign -binary -in "$WORLD/entity" -signer "$(cert_file "$1")" \
        -inkey "$(key_file "$1")" -md "$3" $more -outform DER -out "$5"
}
openssl_verify() { # KEY FORM OBJECT CONTENT
    local more=
    [ "$2" = detached ] && more="-content $4"
    # shellcheck disable=SC2086
    worded openssl cms -verify -binary -inform DER -in "$3" $more \
        -CAfile "$WORLD/ca/Test.pem" -out "$WORLD/content"
}
openssl_encrypt() { # OUT CIPHER PADDING KEY...
    local out=$1 cipher=$2 padding=$3 key to=()
    shift 3
    for key; do
        to+=(-recip "$(cert_file "$key")")
        case $padding:$key in
        oaep*:rsa*) to+=(-keyopt rsa_padding_mode:oaep -keyopt "rsa_oaep_md:sha${padding#oaep}") ;;
        esac
    done
    worded openssl cms -encrypt -binary -in "$WORLD/entity" \
        "-$(echo "$cipher" | sed 's/aes/aes-/')" "${to[@]}" -outform DER -out "$out"
}
openssl_decrypt() { # KEY OBJECT
    rm -f "$WORLD/plain"
    worded openssl cms -decrypt -binary -inform DER -in "$2" -inkey "$(key_file "$1")" \
        -recip "$(cert_file "$1")" -out "$WORLD/plain"
}

# ---- gpgsm ------------------------------------------------------------------------
gpgsm_here() { gpgsm --homedir "$WORLD/gpg" --batch "$@"; }
gpgsm_begin() {
    command -v gpgsm >/dev/null || return 1
    mkdir -m 700 "$WORLD/gpg"
    echo disable-crl-checks >"$WORLD/gpg/gpgsm.conf"
    cat >"$WORLD/gpg/pinentry" <<PE
#!/bin/sh
echo OK
while read -r line; do
    case \$line in GETPIN*) echo "D $P12_PASSWORD" ;; esac
    echo OK
done
PE
    chmod +x "$WORLD/gpg/pinentry"
    echo "pinentry-program $WORLD/gpg/pinentry" >"$WORLD/gpg/gpg-agent.conf"
    openssl x509 -in "$WORLD/ca/Test.pem" -noout -fingerprint -sha1 |
        sed 's/.*=//;s/$/ S relax/' >"$WORLD/gpg/trustlist.txt"
    gpgsm_here --import "$WORLD/ca/Test.pem" 2>/dev/null
    local key
    for key in $holders; do
        world_p12 "$key" old
        gpgsm_here --import "$WORLD/$key.p12" >"$WORLD/gpg/import.$key" 2>&1 ||
            gpgsm_here --import "$(cert_file "$key")" 2>/dev/null
    done
    return 0
}
gpgsm_end() { gpgconf --homedir "$WORLD/gpg" --kill all 2>/dev/null; }
gpgsm_sign() { # KEY SCHEME DIGEST FORM OUT
    [ "$2" != pss ] || {
        echo 'gpgsm: has no option for RSASSA-PSS' >"$WORLD/words"
        return 1
    }
    rm -f "$5"
    worded gpgsm_here --digest-algo "$3" --local-user "$(address "$1")" --sign \
        $([ "$4" = opaque ] || echo --detach-sign) --output "$5" "$WORLD/entity" && [ -s "$5" ]
}
gpgsm_verify() { # KEY FORM OBJECT CONTENT
    if [ "$2" = detached ]; then worded gpgsm_here --verify "$3" "$4"; else
        worded gpgsm_here --verify "$3"
    fi
}
gpgsm_encrypt() { # OUT CIPHER PADDING KEY...
    local out=$1 cipher=$2 key to=()
    case $2:$3 in
    *:oaep*)
        echo 'gpgsm: has no option for RSAES-OAEP' >"$WORLD/words"
        return 1
        ;;
    *-gcm:*)
        echo 'gpgsm: has no option for GCM' >"$WORLD/words"
        return 1
        ;;
    aes128*) cipher=AES ;;
    aes192*) cipher=AES192 ;;
    aes256*) cipher=AES256 ;;
    esac
    shift 3
    for key; do to+=(--recipient "$(address "$key")"); done
    rm -f "$out"
    worded gpgsm_here --cipher-algo $cipher "${to[@]}" --output "$out" --encrypt "$WORLD/entity" && [ -s "$out" ]
}
gpgsm_decrypt() { # KEY OBJECT
    rm -f "$WORLD/plain"
    worded gpgsm_here --output "$WORLD/plain" --decrypt "$2"
}

# ---- NSS's cmsutil ----------------------------------------------------------------
nss_begin() {
    command -v cmsutil >/dev/null || return 1
    local key
    mkdir "$WORLD/nss"
    echo >"$WORLD/nss/empty"
    certutil -N -d "sql:$WORLD/nss" --empty-password &&
        certutil -A -d "sql:$WORLD/nss" -n root -t C,C,C -i "$WORLD/ca/Test.pem" || return 1
    for key in $holders; do
        world_p12 "$key" modern
        pk12util -d "sql:$WORLD/nss" -i "$WORLD/$key.p12" -W "$P12_PASSWORD" -K '' >"$WORLD/nss/import.$key" 2>&1 ||
            certutil -A -d "sql:$WORLD/nss" -n "$key" -t ,, -i "$(cert_file "$key")" 2>/dev/null
    done
    return 0
}
nss() { cmsutil "$@" -d "sql:$WORLD/nss" -f "$WORLD/nss/empty"; }
nss_sign() { # KEY SCHEME DIGEST FORM OUT
    [ "$2" != pss ] || {
        echo 'cmsutil: has no option for RSASSA-PSS' >"$WORLD/words"
        return 1
    }
    rm -f "$5"
    worded nss -S -N "$1" -G -H "$(echo "$3" | tr a-z A-Z)" \
        $([ "$4" = opaque ] || echo -T) -i "$WORLD/entity" -o "$5" && [ -s "$5" ]
}
nss_verify() { # KEY FORM OBJECT CONTENT
    if [ "$2" = detached ]; then worded nss -D -n -u 4 -i "$3" -c "$4"; else
        worded nss -D -n -u 4 -i "$3"
    fi
}
nss_encrypt() { # OUT CIPHER PADDING KEY...: the cipher is its own choice
    local out=$1 to
    [ "$2:$3" = aes256-cbc:pkcs1 ] || {
        echo 'cmsutil: has no option for a cipher or for RSAES-OAEP' >"$WORLD/words"
        return 1
    }
    shift 3
    to=$(echo "$@" | tr ' ' ,)
    rm -f "$out"
    worded nss -E -r "$to" -i "$WORLD/entity" -o "$out" && [ -s "$out" ]
}
nss_decrypt() { # KEY OBJECT
    rm -f "$WORLD/plain"
    worded nss -D -i "$2" -o "$WORLD/plain"
}

# ---- GnuTLS's certtool: signatures only ----------------------------------------------
certtool_begin() { command -v certtool >/dev/null; }
certtool_sign() { # KEY SCHEME DIGEST FORM OUT
    # It takes --sign-params rsa-pss and writes PKCS #1 v1.5 all the same.
    [ "$2" != pss ] || {
        echo 'certtool: signs PKCS #7 with PKCS #1 v1.5 only' >"$WORLD/words"
        return 1
    }
    rm -f "$5"
    worded certtool --outder "$([ "$4" = opaque ] && echo --p7-sign || echo --p7-detached-sign)" \
        --p7-time --p7-include-cert --load-privkey "$(key_file "$1")" \
        --load-certificate "$(cert_file "$1")" --hash "$3" \
        --infile "$WORLD/entity" --outfile "$5" && [ -s "$5" ]
}
certtool_verify() { # KEY FORM OBJECT CONTENT
    if [ "$2" = detached ]; then
        worded certtool --inder --p7-verify --load-ca-certificate "$WORLD/ca/Test.pem" \
            --load-data "$4" --infile "$3"
    else
        worded certtool --inder --p7-verify --load-ca-certificate "$WORLD/ca/Test.pem" --infile "$3"
    fi
}
certtool_encrypt() {
    echo 'certtool: has no EnvelopedData' >"$WORLD/words"
    return 1
}
certtool_decrypt() { certtool_encrypt; }

# ---- BouncyCastle -----------------------------------------------------------------
bc_begin() {
    local jars=/usr/share/java/bcprov.jar:/usr/share/java/bcpkix.jar:/usr/share/java/bcutil.jar:/usr/share/java/bcmail.jar
    command -v javac >/dev/null && [ -f /usr/share/java/bcmail.jar ] || return 1
    mkdir "$WORLD/bc" && mkfifo "$WORLD/bc/in" "$WORLD/bc/out" || return 1
    javac -cp $jars -d "$WORLD/bc" "$interop/Bouncy.java" || return 1
    java -Xmx256m -cp "$jars:$WORLD/bc" Bouncy <"$WORLD/bc/in" >"$WORLD/bc/out" 2>"$WORLD/bc/log" &
    BC_PID=$!
    exec 8>"$WORLD/bc/in" 7<"$WORLD/bc/out"
    BC_READY=yes
}
bc_end() {
    has_bc || return 0
    exec 8>&- 7<&-
    wait "$BC_PID"
}
bc() {
    local answer
    echo "$*" >&8
    read -r -t 60 answer <&7 || answer='no answer'
    echo "$answer" >"$WORLD/words"
    [ "$answer" = ok ]
}
bc_sign() { # KEY SCHEME DIGEST FORM OUT
    local name=${3^^}
    case $2 in
    pkcs1) name=${name}withRSA ;;
    pss) name=${name}withRSAandMGF1 ;;
    ecdsa) name=${name}withECDSA ;;
    eddsa) name=Ed25519 ;;
    esac
    bc sign "$name" "$(key_file "$1")" "$(cert_file "$1")" "$4" "$WORLD/entity" "$5"
}
bc_verify() { # KEY FORM OBJECT CONTENT
    bc verify "$(cert_file "$1")" "$([ "$2" = detached ] && echo "$4" || echo -)" "$3"
}
bc_encrypt() { # OUT CIPHER PADDING KEY...
    local out=$1 cipher=$2 padding=$3 key certs=
    shift 3
    for key; do certs="$certs $(cert_file "$key")"; done
    # shellcheck disable=SC2086
    bc encrypt "$cipher" "$padding" "$WORLD/entity" "$out" $certs
}
bc_decrypt() { # KEY OBJECT
    rm -f "$WORLD/plain"
    bc decrypt "$(key_file "$1")" "$2" "$WORLD/plain"
}
