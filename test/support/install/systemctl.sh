#!/bin/sh
# As much of systemctl as the install command uses, for one unit: `restart` keeps what its ExecStart
# names running until `disable --now`, and starts it again when it ends. What it prints is kept.
set -u
run=$FAKE_SYSTEMD
unit=$run/units/fettle-agent.service

stop() {
  [ -f "$run/pid" ] || return 0
  group=$(cat "$run/pid")
  touch "$run/stopping"
  kill -TERM "-$group" 2>/dev/null
  left=200
  while kill -0 "-$group" 2>/dev/null && [ "$left" -gt 0 ]; do
    sleep 0.1
    left=$((left - 1))
  done
  kill -KILL "-$group" 2>/dev/null
  rm -f "$run/pid" "$run/stopping"
}

supervise() {
  trap '' TERM
  set -a
  # shellcheck disable=SC1090
  . "$(sed -n 's/^EnvironmentFile=//p' "$unit")"
  set +a
  while [ ! -f "$run/stopping" ]; do
    (
      trap - TERM
      exec "$(sed -n 's/^ExecStart=//p' "$unit")"
    ) >>"$run/log" 2>&1
    sleep 0.2
  done
}

case $1 in
  supervise) supervise ;;
  restart)
    stop
    setsid "$0" supervise </dev/null >/dev/null 2>&1 &
    echo $! >"$run/pid"
    ;;
  disable) stop ;;
  is-active) [ -f "$run/pid" ] && kill -0 "$(cat "$run/pid")" 2>/dev/null ;;
esac
