#!/bin/sh
# Asks a running compose whether it works: tests/compose/smoke.sh [prometheus] [grafana]
# PORT, API_KEY, PROMETHEUS_PORT and GRAFANA_PORT as compose.yaml got them; URL and CA (a file) for another address.
set -eu
cd "$(dirname "$0")/../.."
url=${URL:-http://localhost:${PORT:-8080}}
key=${API_KEY:-local-key-for-this-machine-only}
name=smoke-$$
answer=$(mktemp)
head=$(mktemp)
trap 'rm -f "$answer" "$head"' EXIT

ask() { # STATUS CURL_ARGUMENT…: leaves the body in $answer, the fields in $head
    wanted=$1
    shift
    status=$(curl --silent --show-error --max-time 10 ${CA:+--cacert "$CA"} --dump-header "$head" \
        --output "$answer" --write-out '%{http_code}' "$@")
    if [ "$status" != "$wanted" ]; then
        echo "smoke: $status instead of $wanted from: $*" >&2
        cat "$answer" >&2
        exit 1
    fi
}

holds() { # PATTERN COUNT: that many times in the answer
    [ "$(grep -o "$1" "$answer" | wc -l)" -eq "$2" ]
}

fail() {
    echo "smoke: $1" >&2
    cat "$answer" >&2
    exit 1
}

put() { # STATUS
    ask "$1" --request PUT --header "X-API-Key: $key" --data hello "$url/cache/$name?ttl=60"
}

is_in_store() {
    grep -qi '^cache-durability: redis' "$head"
}

put 201
for _ in $(seq 25); do # on a busy machine the store may take longer than the cache waits for it
    is_in_store && break
    sleep 0.2
    put 204
done
is_in_store || fail "the value did not reach the store"
ask 200 --header "X-API-Key: $key" "$url/cache/$name"
[ "$(cat "$answer")" = hello ] || fail "another value came back"
ask 401 "$url/cache/$name"
ask 200 "$url/monitor"
grep -qi '<html' "$answer" || fail "/monitor is no page"
echo "gateway, cache and store work at $url"

for service; do
    case $service in
    prometheus)
        prometheus=http://localhost:${PROMETHEUS_PORT:-9090}
        tries=0
        until ask 200 "$prometheus/api/v1/targets?state=active" && holds '"health":"up"' 3; do
            tries=$((tries + 1))
            [ "$tries" -lt 30 ] || fail "not every target is up"
            sleep 1 # a scrape takes place every five
        done
        ask 200 "$prometheus/api/v1/rules"
        holds '"health":"err"' 0 || fail "a rule cannot be evaluated"
        holds '"state":"firing"' 0 || fail "an alert fires"
        holds '"file":"[^"]*"' 0 && fail "no rules are loaded"
        echo "prometheus scrapes all targets and evaluates its rules"
        ;;
    grafana)
        grafana=http://localhost:${GRAFANA_PORT:-3000}
        ask 200 "$grafana/api/health"
        grep -q '"database": *"ok"' "$answer" || fail "grafana is not well"
        ask 200 "$grafana/api/search?type=dash-db"
        set -- grafana/*.json
        holds '"uid":"tidegate-' "$#" || fail "not every dashboard is there"
        echo "grafana shows $# dashboards"
        ;;
    *)
        echo "smoke: $service is neither prometheus nor grafana" >&2
        exit 2
        ;;
    esac
done
