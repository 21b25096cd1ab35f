#!/usr/bin/env bash
# Everything an application does with Staithe over HTTPS, against a running local stack: bash examples/curl.sh
set -euo pipefail

staithe=${STAITHE:-.venv/bin/staithe}
base=${STAITHE_STACK_PORT_BASE:-24100}
ca=${STAITHE_STACK_FOLDER:-.staithe}/pki/services/ca.pem
upload=https://127.0.0.1:$((base + 11)) query=https://127.0.0.1:$((base + 12))

# A token for one caller. Handed over on standard input, so that it is not in the list of processes.
token=$($staithe token --tenant harbour --tier 1 2> /dev/null)
call() { curl --silent --show-error --fail-with-body --cacert "$ca" --header @<(printf 'Authorization: Bearer %s' "$token") "$@"; echo; }

echo "1. ask"
call "$query/v1/answers" --json '{"question": "How many days of annual leave do we have?"}'

echo "2. search"
call "$query/v1/search" --json '{"question": "parking", "limit": 1}'

echo "3. upload: 202 once the brokers have it"
note=$'# Bicycle shed\n\nThe code of the bicycle shed changes on the first Monday of each month. Reception hands it out.\n'
call -X PUT "$upload/v1/documents/note-bicycle-shed?tier=1&classification=INTERNAL&name=shed.md" \
    --header 'Content-Type: text/markdown' --data-binary "$note"

echo "4. wait until it is indexed"
for _ in {1..60}; do
    state=$(call "$upload/v1/documents/note-bicycle-shed/status")
    [[ $state == *INDEXED* ]] && break
    sleep 0.5
done
echo "$state"

echo "5. the text that citations count characters in"
call "$query/v1/documents/note-bicycle-shed/content"

echo "6. erase it"
call -X DELETE "$query/v1/documents/note-bicycle-shed"
