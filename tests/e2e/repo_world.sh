# repo_world - people with one key each, three repositories, a vehicle: for scripts that test
# `secureev repo`. Needs $SEV_BIN; works in a throw-away folder. SPDX-License-Identifier: MIT
set -uo pipefail
secureev=${SEV_BIN:?}/secureev
stage=$(mktemp -d) || exit 1
server=
leave() {
    [ -n "$server" ] && kill "$server" 2>/dev/null
    rm -rf "$stage"
}
trap leave EXIT
cd "$stage" || exit 1
export HOME=$stage XDG_DATA_HOME=$stage/data
printf 'correct horse\n' >pass
failed=0
now=2030-06-01T12:00:00Z

pass() { echo "PASS: $1"; }
fail() {
    echo "FAIL: $*"
    failed=1
}
# must NAME COMMAND...: exits 0.
must() {
    local name=$1
    shift
    if "$@" >out 2>err; then pass "$name"; else fail "$name: exit $?: $(head -c 600 err)"; fi
}
# quietly COMMAND...: exits 0, or the test is over.
quietly() {
    "$@" >out 2>err || {
        echo "FAIL: $*: exit $?: $(head -c 600 err)"
        exit 1
    }
}
# refused NAME ERROR COMMAND...: exits 1 with this error.
refused() {
    local name=$1 wanted=$2 status got
    shift 2
    "$@" --json >out 2>err
    status=$?
    got=$(sed -n 's/.*"error":"\([a-z0-9_]*\)".*/\1/p' err)
    if [ $status -eq 1 ] && [ "$got" = "$wanted" ]; then
        pass "$name"
    else
        fail "$name: exit $status, error '$got', wanted '$wanted': $(head -c 600 err)"
    fi
}

# Everybody has a keystore of their own with one key in it, and gives away the public half.
person() {
    local who=$1 type=${2:-p256}
    quietly "$secureev" key generate --keystore "$stage/keys/$who" --type "$type" --name "$who" \
        --passphrase-file pass
    quietly "$secureev" key export "$who" --keystore "$stage/keys/$who" --public --out "$who.json"
}
# sign WHO FILE...: on the machine of WHO, which holds these files and nothing of the repository.
sign() {
    local who=$1
    shift
    rm -rf "desk-$who"
    mkdir "desk-$who"
    cp "$@" "desk-$who/" || return 1
    (cd "desk-$who" && "$secureev" repo sign ./*.tbs --key "$who" --keystore "$stage/keys/$who" \
        --passphrase-file ../pass)
}
# ceremony REPO WHO...: stage, everybody signs what is theirs, assemble.
# WHO is "name:role,role": the staged files that this person signs.
ceremony() {
    local repo=$1 who roles role files
    shift
    quietly "$secureev" repo stage --repo "$repo" --now "$now"
    rm -rf desk-*
    for who in "$@"; do
        roles=${who#*:}
        who=${who%%:*}
        files=()
        for role in ${roles//,/ }; do files+=("$repo"/staged/*."$role".tbs); done
        quietly sign "$who" "${files[@]}"
    done
    quietly "$secureev" repo assemble --repo "$repo" desk-*/*.sig
}
publish() {
    quietly "$secureev" repo publish --repo "$1" --keystore "$stage/keys/$2" --now "$now" \
        --passphrase-file pass
}

# serve: every repository's public folder, at $url/REPO/
serve() {
    mkdir -p web
    local repo
    for repo in "$@"; do ln -sfn "$stage/$repo/public" "web/$repo"; done
    python3 -u -m http.server --bind 127.0.0.1 --directory web 0 >server.out 2>server.err &
    server=$!
    local i
    for i in $(seq 100); do
        url=$(sed -n 's/.*(\(http:[^)]*[0-9]\)\/*).*/\1/p' server.out 2>/dev/null)
        [ -n "$url" ] && return
        sleep 0.05
    done
    echo "FAIL: the web server did not start: $(cat server.err)"
    exit 1
}
# vehicle DIR [aktualizr]: one that trusts the first roots.
vehicle() {
    local repo sub=${2:+$2/}
    rm -rf "$1"
    for repo in director images regulator; do
        [ -f "$repo/public/${sub}1.root.json" ] || continue
        mkdir -p "$1/$repo"
        cp "$repo/public/${sub}1.root.json" "$1/$repo/root.json"
    done
}
cycle() {
    local dir=$1
    shift
    "$secureev" uptane --state "$dir" --director "$url/director" --images "$url/images" \
        --regulator "$url/regulator" --ecu P1 --hardware gateway --ecu S1 --hardware brake-7 \
        --vehicle did:secureev:car-1 --now "$now" --out "$dir/out" "$@" cycle
}
