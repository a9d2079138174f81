# What the table of interoperation rests on: identities, mail in the forms
# peers take, and cells. Sourced by run; on top of tests/integration/check.sh.
#
# A peer is a set of functions, NAME_can KIND (is the combination one it might
# know) and NAME_sign, NAME_verify, NAME_encrypt, NAME_decrypt. They give 0
# when it worked and leave their own words in $WORLD/words.

keys='rsa2048 p256 p384 p521 ed25519'
holders="$keys rsa3072" # who has a key
digests='sha256 sha384 sha512'
address() { echo "$1@example.org"; }

# scheme: pkcs1 pss ecdsa eddsa; what our options are for it.
options_of() { # SCHEME DIGEST
    case $1 in
    pkcs1 | pss) echo "--padding $1 --digest $2" ;;
    *) echo "--digest $2" ;;
    esac
}

# Every combination of a signature: KEY SCHEME DIGEST.
signatures() {
    local digest key
    for digest in $digests; do
        echo "rsa2048 pkcs1 $digest"
        echo "rsa2048 pss $digest"
        for key in p256 p384 p521; do echo "$key ecdsa $digest"; done
    done
    echo 'ed25519 eddsa sha512'
}

# Of an encryption: CIPHER PADDING RECIPIENT...; several are one message.
envelopes() {
    local cipher
    for cipher in aes128-cbc aes192-cbc aes256-cbc aes128-gcm aes256-gcm; do
        echo "$cipher pkcs1 rsa2048"
        echo "$cipher oaep256 rsa2048"
        echo "$cipher oaep512 rsa2048"
        for key in p256 p384 p521; do echo "$cipher pkcs1 $key"; done
        echo "$cipher pkcs1 rsa2048 p256 p384 p521 rsa3072"
        echo "$cipher oaep256 rsa2048 p256 p384 p521 rsa3072"
    done
}

# gpgsm and NSS look for keyEncipherment with any key.
usage_of() {
    case $1 in
    rsa*) echo digitalSignature,keyEncipherment ;;
    p*) echo digitalSignature,keyEncipherment,keyAgreement ;;
    *) echo digitalSignature ;;
    esac
}

interop_begin() {
    local key
    world_begin
    world_ca Test
    world_person all
    world_trust all Test
    agent_start all && unlock all >/dev/null
    for key in $holders; do
        USAGE=$(usage_of "$key") world_certificate Test "$key" "$(address "$key")" "$key" &&
            world_p12 "$key" modern && import_p12 all "$key" >/dev/null || exit 70
        mail "$(address "$key")" "$(address "$key")" "$key" >"$WORLD/mail/$key"
    done
    # What peers sign and encrypt: a MIME entity in canonical form.
    printf 'Content-Type: text/plain; charset=us-ascii\r\n\r\nThe text.\r\nSecond line.\r\n' \
        >"$WORLD/entity"
    head -c 300000 /dev/urandom | base64 | sed 's/$/\r/' >>"$WORLD/entity"
}

# ---- mail to object and back ------------------------------------------------------
object_of() { sed '1,/^\r*$/d' "$1" | base64 -d; }
parts_of() { # MAIL: its signed part and the signature
    python3 - "$1" "$WORLD/part" "$WORLD/part.p7s" <<'PY'
import base64, email, re, sys
raw = open(sys.argv[1], "rb").read()
b = email.message_from_bytes(raw).get_boundary().encode()
parts = re.split(rb"\r?\n--" + re.escape(b) + rb"(?:--)?[ \t]*\r?\n", raw)
open(sys.argv[2], "wb").write(re.sub(rb"\r?\n", b"\r\n", parts[1]))
open(sys.argv[3], "wb").write(
    base64.b64decode(re.split(rb"\r?\n\r?\n", parts[2], maxsplit=1)[1]))
PY
}
fields_of() { # KEY
    printf 'From: %s\r\nTo: %s\r\nSubject: x\r\nMIME-Version: 1.0\r\n' \
        "$(address "$1")" "$(address "$1")"
}
mail_of_object() { # KEY TYPE OBJECT
    fields_of "$1"
    printf 'Content-Type: application/pkcs7-mime; smime-type=%s; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n' "$2"
    base64 "$3" | sed 's/$/\r/'
}
mail_of_parts() { # KEY DIGEST PART SIGNATURE
    fields_of "$1"
    printf 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=%s; boundary=b_o\r\n\r\n--b_o\r\n' "$2"
    cat "$3"
    printf '\r\n--b_o\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    base64 "$4" | sed 's/$/\r/'
    printf -- '--b_o--\r\n'
}

# ---- cells ------------------------------------------------------------------------
CELLS=0 OK=0 CANNOT=0
cell() { # PEER COMBINATION DIRECTION RESULT [WORDS]
    printf '%-8s | %-52s | %-12s | %s%s\n' "$1" "$2" "$3" "$4" "${5:+: $5}" |
        tee -a "$WORLD/table"
    CELLS=$((CELLS + 1))
    case $4 in
    ok) OK=$((OK + 1)) ;;
    cannot) CANNOT=$((CANNOT + 1)) ;;
    *) FAILED=$((FAILED + 1)) ;;
    esac
}
words() { tr -s '\n\r\t ' ' ' <"$WORLD/words" | cut -c1-150; }
worded() { "$@" >"$WORLD/words" 2>&1; }

# ---- ours -------------------------------------------------------------------------
we_sign() { # KEY SCHEME DIGEST FORM: $WORLD/ours (mail), object or parts
    # shellcheck disable=SC2046
    smime_of all sign $(options_of "$2" "$3") $([ "$4" = detached ] || echo --opaque) \
        "$WORLD/mail/$1" >"$WORLD/ours" || return 1
    if [ "$4" = detached ]; then parts_of "$WORLD/ours"; else
        object_of "$WORLD/ours" >"$WORLD/object"
    fi
}
we_encrypt() { # CIPHER PADDING KEY...
    local cipher=$1 padding=$2 first=$3 to=
    shift 2
    for key; do to=$to,$(address "$key"); done
    # shellcheck disable=SC2046
    smime_of all encrypt --cipher "$cipher" --from "$(address "$first")" --to "${to#,}" $(
        case $padding in
        oaep*) echo "--key-padding oaep --oaep-digest sha${padding#oaep}" ;;
        *) echo --key-padding pkcs1 ;;
        esac
    ) "$WORLD/mail/$first" >"$WORLD/ours" 2>"$WORLD/err" || return 1
    object_of "$WORLD/ours" >"$WORLD/object"
}
we_verify() { worded smime_of all verify "$1" && grep -q Good "$WORLD/words"; }
we_decrypt() { # MAIL: and is it the entity?
    smime_of all decrypt "$1" >"$WORLD/got" 2>"$WORLD/words" &&
        tr -d '\r' <"$WORLD/entity" | sed '1,/^$/d' | cksum >"$WORLD/want" &&
        tr -d '\r' <"$WORLD/got" | sed '1,/^$/d' | cksum | cmp -s - "$WORLD/want"
}

# ---- rows -------------------------------------------------------------------------
# Peers that fail at what we wrote are asked whether they can read the same of
# a third: openssl's, or BouncyCastle's where openssl has no such thing.
third_signs() { # KEY SCHEME DIGEST FORM
    rm -f "$WORLD/third" "$WORLD/third.p7s"
    openssl_sign "$@" "$WORLD/third" || { has_bc && bc_sign "$@" "$WORLD/third"; }
}
third_encrypts() { openssl_encrypt "$WORLD/third" "$@" || { has_bc && bc_encrypt "$WORLD/third" "$@"; }; }

row_signed() { # PEER KEY SCHEME DIGEST FORM
    local peer=$1 what="sign $2 $3 $4 $5"
    shift
    if we_sign "$@"; then
        if [ "$4" = detached ]; then cp "$WORLD/part.p7s" "$WORLD/object"; fi
        if "${peer}_verify" "$1" "$4" "$WORLD/object" "$WORLD/part"; then
            cell "$peer" "$what" 'ours->peer' ok
        else
            cp "$WORLD/words" "$WORLD/first"
            if ! third_signs "$@" || ! "${peer}_verify" "$1" "$4" "$WORLD/third" "$WORLD/entity"; then
                cp "$WORLD/first" "$WORLD/words"
                cell "$peer" "$what" 'ours->peer' cannot "$(words)"
            else
                cp "$WORLD/first" "$WORLD/words"
                cell "$peer" "$what" 'ours->peer' FAIL "$(words)"
            fi
        fi
    else
        cell "$peer" "$what" 'ours->peer' FAIL 'we do not write it'
    fi
    if ! "${peer}_sign" "$@" "$WORLD/object"; then
        cell "$peer" "$what" 'peer->ours' cannot "$(words)"
        return
    fi
    if [ "$4" = detached ]; then
        mail_of_parts "$1" "$3" "$WORLD/entity" "$WORLD/object" >"$WORLD/theirs"
    else
        mail_of_object "$1" signed-data "$WORLD/object" >"$WORLD/theirs"
    fi
    if we_verify "$WORLD/theirs"; then cell "$peer" "$what" 'peer->ours' ok; else
        cell "$peer" "$what" 'peer->ours' FAIL "$(words)"
    fi
}

row_encrypted() { # PEER CIPHER PADDING KEY...
    local peer=$1 what="encrypt ${*:2}" key
    shift
    local all="${*:3}"
    if we_encrypt "$@"; then
        cp "$WORLD/object" "$WORLD/ours.object"
        for key in $all; do
            if "${peer}_decrypt" "$key" "$WORLD/ours.object" && grep -qa 'Second line' "$WORLD/plain"; then
                cell "$peer" "$what ($key reads)" 'ours->peer' ok
                continue
            fi
            cp "$WORLD/words" "$WORLD/first"
            if third_encrypts "$@" && "${peer}_decrypt" "$key" "$WORLD/third" &&
                grep -qa 'Second line' "$WORLD/plain"; then
                cp "$WORLD/first" "$WORLD/words"
                cell "$peer" "$what ($key reads)" 'ours->peer' FAIL "$(words)"
            else
                cp "$WORLD/first" "$WORLD/words"
                cell "$peer" "$what ($key reads)" 'ours->peer' cannot "$(words)"
            fi
        done
    else
        cell "$peer" "$what" 'ours->peer' FAIL 'we do not write it'
    fi
    rm -f "$WORLD/object"
    if ! "${peer}_encrypt" "$WORLD/object" "$@"; then
        cell "$peer" "$what" 'peer->ours' cannot "$(words)"
        return
    fi
    mail_of_object "$3" enveloped-data "$WORLD/object" >"$WORLD/theirs"
    if we_decrypt "$WORLD/theirs"; then cell "$peer" "$what" 'peer->ours' ok; else
        cell "$peer" "$what" 'peer->ours' FAIL "$(words)"
    fi
}

has_bc() { [ -n "${BC_READY:-}" ]; }
