# demo_stage - what tools/demo plays on: telling, checking, people with a key each, car, attackers.
# Sourced. Works in a throw-away folder; $SEV_BIN has the programs. SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2119,SC2120
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
bin=$(cd "${SEV_BIN:-build/bin}" && pwd) || exit 1
# shellcheck disable=SC2034 # for tools/demo
tools=$PWD/tools
PATH=$bin:$PATH
umask 077
stage=$(mktemp -d "${TMPDIR:-/tmp}/secureev-demo.XXXXXX") || exit 1
server=
# shellcheck disable=SC2317 # called by the trap
leave() {
    [ -n "$server" ] && kill "$server" 2>/dev/null
    [ -n "${KEEP:-}" ] || rm -rf "$stage"
}
trap leave EXIT
export HOME=$stage
cd "$stage" || exit 1

# ------------------------------------------------------------------ telling and checking
bold='' plain='' dim=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi
chapter=0
title() { printf '\n%s%d. %s%s\n' "$bold" $((++chapter)) "$*" "$plain"; }
tell() { fold -s -w 76 <<<"$*" | sed 's/^/   /; s/ *$//'; }
# attack "LETTER. TEXT": told with a hanging indent.
attack() { fold -s -w 73 <<<"$*" | sed '1s/^/   /; 2,$s/^/      /; s/ *$//'; }
fail() {
    printf '\ndemo: FAILED: %s\n' "$*" >&2
    exit 1
}
# shown COMMAND...: as it could be typed; an option stays beside its value.
shown() {
    local line='   $' word unit=''
    for word in "$@" ''; do
        [[ $word =~ ^[][A-Za-z0-9_./:=,@%+{}-]*$ || $word = *.sig ]] || word="'$word'"
        if [[ $word != -* && $unit = -* && $unit != *' '* ]]; then
            unit+=" $word"
            continue
        fi
        if ((${#line} + ${#unit} > 76)); then
            printf '%s%s \\%s\n' "$dim" "$line" "$plain"
            line='      '
        fi
        [ -n "$unit" ] && line+=" $unit"
        unit=$word
    done
    printf '%s%s%s\n' "$dim" "$line" "$plain"
}
# quiet COMMAND...: must exit 0.
quiet() {
    "$@" >out.txt 2>err.txt || fail "exit $? of: $*: $(head -c 500 err.txt)"
}
# answer: what the last command printed, key ids cut short.
answer() { sed -E 's/^/     /; s/([0-9a-f]{16})[0-9a-f]{48}/\1.../g' out.txt; }
# must COMMAND...: shown, run, must exit 0.
must() {
    shown "$@"
    quiet "$@"
    answer
}
# member NAME: of the error object on standard error.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" err.txt | head -n 1; }
# refused ERROR COMMAND...: must exit 1 and give this error as its reason.
refused() {
    local wanted=$1 status
    shift
    "$@" >out.txt 2>err.txt
    status=$?
    [ $status -eq 1 ] || fail "exit $status instead of a refusal: $*"
    [ "$(member error)" = "$wanted" ] || fail "refused, but not as $wanted: $(head -c 500 err.txt)"
    printf '   -> refused: %s\n' "$wanted"
}

# ---------------------------------------------------------------------- people and desks
# Everybody has a keystore of their own with one key in it, and gives away the public half.
person() {
    { secureev key generate --name "$1" --keystore "keys/$1" --passphrase-file pass &&
        secureev key export "$1" --keystore "keys/$1" --public --out "$1.json"; } \
        >"$1.log" 2>&1 || fail "key of $1: $(head -c 500 "$1.log")"
}
# pairs COMMAND ITEM...: COMMAND ITEM, two at a time: opening a keystore costs scrypt.
pairs() {
    local command=$1 item jobs=()
    shift
    for item in "$@"; do
        $command "$item" &
        jobs+=($!)
        [ ${#jobs[@]} -lt 2 ] && continue
        wait "${jobs[0]}" || exit 1
        jobs=("${jobs[1]}")
    done
    for item in "${jobs[@]}"; do wait "$item" || exit 1; done
}
people() { pairs person "$@"; }
# sign WHO FILE...: at the desk of WHO, which has these files and one keystore, nothing else.
sign() {
    local who=$1
    shift
    rm -rf "desk/$who"
    mkdir -p "desk/$who"
    cp "$@" "desk/$who/" || fail "nothing to be signed for $who: $*"
    (cd "desk/$who" && secureev repo sign ./*.tbs --key "$who" --keystore "$stage/keys/$who" \
        --passphrase-file "$stage/pass") >"$who.log" 2>&1 || fail "$who: $(head -c 500 "$who.log")"
}
sign_staged() { # WHO:ROLE,ROLE...
    local roles=${1#*:} role files=()
    for role in ${roles//,/ }; do files+=("$repo"/staged/*."$role".tbs); done
    sign "${1%%:*}" "${files[@]}"
}
# ceremony REPO WHO:ROLE,ROLE...: stage, everybody signs what is theirs, assemble.
ceremony() {
    local repo=$1
    shift
    quiet secureev repo stage --repo "$repo"
    rm -rf desk
    pairs sign_staged "$@"
    quiet secureev repo assemble --repo "$repo" desk/*/*.sig
}
publish() { # REPO KEYSTORE [OPTION]
    quiet secureev repo publish --repo "$1" --keystore "keys/$2" --passphrase-file pass "${@:3}"
}
# lint REPO: no errors. Thresholds of one key, as here, are what it warns of.
lint() {
    quiet secureev repo lint --repo "$1"
    printf '   -> %s: %s\n' "$1" "$(tail -n 1 out.txt)"
    grep -q '^0 errors' <(tail -n 1 out.txt) || fail "lint $1: $(cat out.txt)"
}

# ------------------------------------------------------------------------------ the car
# offer REPO FOLDER: what whoever asks for REPO is served from now on.
offer() { ln -sfn "$stage/$2" "web/$1"; }
honest() {
    local repo
    for repo in director images regulator; do offer "$repo" "$repo/public"; done
}
# accepted IMAGE=FILE...: the cycle exits 0 and puts out exactly these, byte for byte.
accepted() {
    local pair count=$#
    quiet ./cycle
    [ "$(find out -type f | wc -l)" -eq "$count" ] || fail "not $count images: $(ls out)"
    for pair in "$@"; do
        cmp -s "out/${pair%%=*}" "${pair#*=}" || fail "not the bytes of ${pair#*=}: $(ls out)"
        printf '   -> verified, byte for byte: %s\n' "${pair#*=}"
    done
}
nothing_new() {
    : >server.log
    accepted
    grep -q '^nothing new' out.txt || fail "something was new: $(cat out.txt)"
    no_image_asked
    echo "   -> nothing new, and no request for an image"
}
no_image_asked() { ! grep -q 'GET /images/targets/' server.log || fail "an image was asked for"; }
# kept_honest: all metadata in the car is, byte for byte, what the three repositories published.
kept_honest() {
    local file
    sha256sum {director,images,regulator}/public/*.json | cut -d' ' -f1 | sort -u >honest.txt
    for file in car/*/*.json; do
        grep -qxF "$(sha256sum <"$file" | cut -d' ' -f1)" honest.txt || fail "kept: $file"
    done
}
refusals=0
# forged LETTER ERROR ATTACK WHERE [OPTION...]: the car must refuse by that name and keep nothing.
forged() {
    local letter=$1 wanted=$2 attack=$3 where=$4 before status
    shift 4
    before=$(cksum car/vehicle.state)
    ./cycle "$@" >out.txt 2>err.txt
    status=$?
    [ $status -eq 1 ] || fail "attack $letter: exit $status instead of a refusal"
    [ "$(member error) $(member attack) $(member class)" = "$wanted $attack REFUSE" ] ||
        fail "attack $letter: not as $wanted: $(cat err.txt)"
    [ "$(member repository)/$(member role)" = "$where" ] ||
        fail "attack $letter: not at $where: $(cat err.txt)"
    [ -z "$(ls out)" ] || fail "attack $letter: put out: $(ls out)"
    [ "$(cksum car/vehicle.state)" = "$before" ] || fail "attack $letter: the state changed"
    printf '      -> refused: %s%-18s%s  %s, %s\n' "$bold" "$attack" "$plain" "$wanted" \
        "${where%/}"
    refusals=$((refusals + 1))
}
# network ...: as forged; and what is kept is what honest repositories published.
network() {
    forged "$@"
    kept_honest
    honest
}
# copy_of REPO NAME: REPO's public folder, for an attacker to change and serve.
copy_of() {
    rm -rf "evil/$2"
    mkdir -p evil
    cp -a "$1/public" "evil/$2"
    offer "$1" "evil/$2"
}

# envelope TBS SIG...: a signed file, made by hand: an attacker has tools of his own.
envelope() {
    python3 - "$@" <<'PY'
import json, sys
body = open(sys.argv[1]).read()
sigs = [json.load(open(name)) for name in sys.argv[2:]]
entries = [{"keyid": s["keyid"], "sig": s["sig"]} for s in sigs]
print('{"signatures":%s,"signed":%s}' % (json.dumps(entries, separators=(",", ":")), body), end="")
PY
}
# retold FILE LISTED...: the body of FILE, next version, listing these files as they are now.
# For a targets file LISTED is NAME=IMAGE; for snapshot and timestamp ROLE.json=FILE.
retold() {
    python3 - "$@" <<'PY'
import hashlib, json, sys
body = json.load(open(sys.argv[1]))["signed"]
body["version"] += 1
for pair in sys.argv[2:]:
    name, path = pair.split("=")
    data = open(path, "rb").read()
    entry = body.get("targets", body.get("meta"))[name]
    entry["length"] = len(data)
    entry["hashes"] = {a: hashlib.new(a, data).hexdigest() for a in entry["hashes"]}
    if "version" in entry:
        entry["version"] += 1
print(json.dumps(body, sort_keys=True, separators=(",", ":")), end="")
PY
}
