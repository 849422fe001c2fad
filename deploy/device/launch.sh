#!/bin/sh
# Starts the agent. It belongs to root and to no version of the agent, so that it can put a version
# aside that does not start: one on trial gets three starts and a limited time to prove itself.
#
# In $FETTLE_VERSIONS lie one folder a version, and
#   current   a link to the version that has proven itself
#   trial     "VERSION SECONDS STARTS": the version to prove itself, within how many seconds, and how
#             often it was started. The agent writes it, moves `current` and removes it when healthy.
#   refused   "VERSION REASON", for the agent to report; then it is named refused.told
set -u
versions=${FETTLE_VERSIONS:-/opt/fettle/versions}
starts_max=3
# The agent answers what is under way for so long; what it does after that takes some seconds.
stop_seconds=${FETTLE_AGENT_STOP_SECONDS:-15}
case $stop_seconds in '' | *[!0-9]*) stop_seconds=15 ;; esac
stop_seconds=$((stop_seconds + 15))
export FETTLE_VERSIONS="$versions"

write() {
  printf '%s\n' "$2" >"$versions/.$1.new" && sync "$versions/.$1.new" &&
    mv -f "$versions/.$1.new" "$versions/$1" && sync "$versions"
}

refuse() {
  echo "fettle: version $trial is refused: $1" >&2
  write refused "$trial $1"
  rm -f "$versions/trial"
  sync "$versions"
  trial=
}

current=$(readlink "$versions/current") || current=
trial='' seconds=300 starts=0
if [ -f "$versions/trial" ]; then read -r trial seconds starts <"$versions/trial" || trial=; fi
for number in "$seconds" "$starts"; do
  case $number in '' | *[!0-9]*) trial= ;; esac
done
if [ -z "$trial" ] || [ "$trial" = "$current" ]; then
  # Unreadable, or power was cut between the two steps with which a trial ends well.
  rm -f "$versions/trial"
  trial=
elif [ "$starts" -ge "$starts_max" ]; then
  refuse "it ended $starts times before it was healthy"
elif [ ! -x "$versions/$trial/bin/fettle" ]; then
  refuse "it is not there"
fi

if [ -z "$trial" ]; then
  if [ ! -x "$versions/$current/bin/fettle" ]; then
    echo "fettle: $versions/current names no version; run the install command again" >&2
    exit 1
  fi
  export FETTLE_VERSION="$current"
  exec "$versions/$current/bin/fettle" agent
fi

# A start that cannot be counted is none: else a full disk would make the trial endless.
write trial "$trial $seconds $((starts + 1))" || {
  refuse "its start cannot be counted"
  exit 1
}
FETTLE_VERSION="$trial" FETTLE_TRIAL=yes "$versions/$trial/bin/fettle" agent &
child=$!
end() {
  kill -TERM "$child" 2>/dev/null
  left=$stop_seconds
  while [ "$left" -gt 0 ] && kill -0 "$child" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  kill -KILL "$child" 2>/dev/null
  wait "$child" 2>/dev/null
}
trap 'end; exit 0' TERM INT
while kill -0 "$child" 2>/dev/null && [ -f "$versions/trial" ]; do
  if [ "$seconds" -le 0 ]; then
    end
    # In its last moment it may have proven itself.
    [ -f "$versions/trial" ] || exit 0
    read -r _ limit _ <"$versions/trial"
    refuse "it was not healthy within $limit s"
    exit 1
  fi
  # In the background, so that a signal is heard at once.
  sleep 1 &
  wait $!
  seconds=$((seconds - 1))
done
wait "$child"
