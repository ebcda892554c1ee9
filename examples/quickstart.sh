#!/bin/sh
# A table, some rows, a search and a prediction with nothing but curl.
#
#   sh examples/quickstart.sh http://127.0.0.1:8410 YOUR_READ_WRITE_KEY
#
# or with VAKKA_URL and VAKKA_KEY in the environment. Run it as often as you like: the table is made anew each time.
set -eu

URL="${1:-${VAKKA_URL:?name the environment: sh examples/quickstart.sh URL KEY}}"
KEY="${2:-${VAKKA_KEY:?name its read-write key: sh examples/quickstart.sh URL KEY}}"

# call METHOD PATH BODY: prints the answer, ends the script when it is an error. The key comes from a file descriptor,
# so that it is not in the list of processes.
call() {
    printf '\n%s %s\n' "$1" "$2"
    curl --silent --show-error --fail-with-body --request "$1" "$URL/api/v1$2" \
        --header 'content-type: application/json' --header @- --data "$3" <<HEADERS
x-api-key: $KEY
HEADERS
    echo
}

call PUT /schema/quickstart_invoices '{
  "type": "table",
  "columns": {
    "vendor": {"type": "String"},
    "description": {"type": "Text", "analyzer": "english"},
    "amount": {"type": "Decimal"},
    "gl_code": {"type": "String"}
  }
}'

call POST /data/quickstart_invoices/batch '[
  {"vendor": "Northlight Energy", "description": "Electricity and heating for the office", "amount": 812.4, "gl_code": "6110"},
  {"vendor": "Northlight Energy", "description": "Electricity for the warehouse", "amount": 1204.1, "gl_code": "6110"},
  {"vendor": "Northlight Energy", "description": "Heating energy January", "amount": 990, "gl_code": "6110"},
  {"vendor": "Northlight Energy", "description": "Charging point installation", "amount": 2350, "gl_code": "6140"},
  {"vendor": "Fernhollow Heat", "description": "District heating February", "amount": 640.75, "gl_code": "6110"},
  {"vendor": "Tin Roof Repairs", "description": "Repair work for the warehouse", "amount": 1480, "gl_code": "6140"},
  {"vendor": "Tin Roof Repairs", "description": "Maintenance visit", "amount": 320, "gl_code": "6140"},
  {"vendor": "Copper Kettle Catering", "description": "Team lunch", "amount": 186.5, "gl_code": "6310"},
  {"vendor": "Copper Kettle Catering", "description": "Catering for head office", "amount": 415, "gl_code": "6310"},
  {"vendor": "Swift Otter Parcels", "description": "Parcel delivery March", "amount": 530.2, "gl_code": "6700"}
]'

call POST /_search '{"from": "quickstart_invoices", "where": {"description": {"$match": "heating"}}}'

call POST /_predict '{
  "from": "quickstart_invoices",
  "where": {"vendor": "Northlight Energy", "description": "electricity for the shop"},
  "predict": "gl_code",
  "limit": 3
}'
