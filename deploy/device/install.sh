#!/bin/sh
# Puts the Fettle agent on this device, or a newer one in place of what is there.
#   curl -fsSL http://CONTROLLER/install | sh -s -- --token TOKEN [options]
#   curl -fsSL http://CONTROLLER/install | sh -s -- --uninstall
# Options:
#   --token TOKEN      from `fettle device token`; not needed where this device is enrolled
#   --name NAME        of this device (from the host name)
#   --label NAME=VALUE what rollouts select by; may be given several times
#   --http-host HOST, --http-port PORT   where it serves (127.0.0.1:8910)
#   --memory SIZE      the most memory it may take, as systemd writes it: 400M, 50% (80%)
#   --cpu PERCENT      the most processor time: 150% is one core and a half (no limit)
#   --prefix FOLDER    the root of another system than the running one
set -eu

controller='@CONTROLLER@'
service=fettle-agent
account=fettle
kernel_min=4.18
glibc_min=2.28
memory_mib_min=230
# Beside the archive and what is in it, for the system's own needs.
spare_mib=64
wait_seconds=180

main() {
  token='' name='' labels='' http_host='' http_port='' memory='' cpu='' prefix='' uninstall=''
  while [ $# -gt 0 ]; do
    case $1 in
      --uninstall) uninstall=yes ;;
      --token | --name | --label | --http-host | --http-port | --memory | --cpu | --prefix)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $2 in *[!a-zA-Z0-9._=:/%@+-]*) die "$1: $2 holds a character that is not allowed" ;; esac
        case $1 in
          --label) labels="${labels:+$labels,}$2" ;;
          --http-host) http_host=$2 ;;
          --http-port) http_port=$2 ;;
          --token) token=$2 ;;
          --name) name=$2 ;;
          --memory) memory=$2 ;;
          --cpu) cpu=$2 ;;
          --prefix) prefix=${2%/} ;;
        esac
        shift
        ;;
      *) die "$1: no such option; --token, --name, --label, --http-host, --http-port, --memory, --cpu, --prefix or --uninstall" ;;
    esac
    shift
  done
  place=$prefix/opt/fettle
  versions=$place/versions
  settings=$prefix/etc/fettle
  state=$prefix/var/lib/fettle
  units=$prefix/etc/systemd/system
  unit=$units/$service.service
  [ "$(id -u)" = 0 ] || [ -n "$prefix" ] || die "run it as root: … | sudo sh -s -- …"
  if [ -n "$uninstall" ]; then remove; else install; fi
}

install() {
  preflight
  ask
  make_account
  fetch
  unpack
  put_files
  enrol
  switch
  started
}

# What this device must be. One line a reason, and nothing is changed before all of them hold.
preflight() {
  [ "$(uname -s)" = Linux ] || die "this is $(uname -s); Linux is needed"
  machine=$(uname -m)
  case $machine in
    aarch64 | arm64) arch=arm64 ;;
    x86_64 | amd64) arch=x64 ;;
    *) die "this processor is $machine; 64-bit arm64 or x64 is needed" ;;
  esac
  [ "$(getconf LONG_BIT 2>/dev/null)" = 64 ] ||
    die "this system is 32-bit on a 64-bit kernel ($machine); install a 64-bit system"
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
  case $libc in
    'glibc '*) ;;
    *) die "this system's C library is not glibc (musl, as in Alpine, is not supported); glibc $glibc_min or newer is needed" ;;
  esac
  at_least "${libc#glibc }" "$glibc_min" || die "this system has $libc; $glibc_min or newer is needed"
  kernel=$(uname -r)
  at_least "$kernel" "$kernel_min" || die "this kernel is $kernel; $kernel_min or newer is needed"
  for tool in curl tar zstd sha256sum df find sync; do
    command -v "$tool" >/dev/null || die "$tool is missing; install it, for example: apt-get install $tool"
  done
  command -v systemctl >/dev/null || die "systemd is needed, and there is no systemctl"
  command -v systemd-notify >/dev/null || die "systemd is needed, and there is no systemd-notify"
  [ "$(systemctl is-system-running 2>/dev/null)" != offline ] ||
    die "systemd is installed here and does not run; it has to be what starts this system (PID 1)"
  memory_mib=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo) / 1024))
  [ "$memory_mib" -ge "$memory_mib_min" ] || die "$memory_mib MiB of memory; $memory_mib_min MiB are needed"
}

# at_least 5.10.0-21 4.18
at_least() {
  major=${1%%.*} rest=${1#*.}
  minor=${rest%%[!0-9]*}
  [ "$major" -gt "${2%%.*}" ] || { [ "$major" -eq "${2%%.*}" ] && [ "${minor:-0}" -ge "${2#*.}" ]; }
}

# Which bundle the controller vouches for to the holder of this token, and whether there is room.
ask() {
  if [ -f "$state/identity.json" ]; then
    bearer=$(sed -n 's/.*"deviceToken": *"\([^"]*\)".*/\1/p' "$state/identity.json")
  else
    [ -n "$token" ] || die "--token is needed; on your machine: fettle device token"
    bearer=$token
  fi
  offer=$(request -m 60 "$controller/install/agent/$arch") || die "$offer"
  digest=$(field digest) bytes=$(field bytes) unpacked=$(field unpackedBytes) version=$(field version)
  case $digest in sha256:*) ;; *) die "$controller answered something else than a bundle" ;; esac
  digest=${digest#sha256:}
  id=$version-$(printf %.12s "$digest")
  archive=$versions/.$id.tar.zst
  needed_mib=$(((bytes + unpacked) / 1048576 + spare_mib))
  there=$versions
  until [ -d "$there" ]; do there=$(dirname "$there"); done
  free_mib=$(($(df -Pk "$there" | sed -n '$s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\) .*/\1/p') / 1024))
  [ -d "$versions/$id" ] || [ "$free_mib" -ge "$needed_mib" ] ||
    die "$free_mib MiB are free at $there; $needed_mib MiB are needed for $place"
}

field() { printf '%s\n' "$offer" | sed -n "s/^$1=//p"; }

# The token goes in by a file, for others may see the arguments of a process. What the controller
# says in refusal goes to standard output, as the reason.
request() {
  answer=$(printf 'header = "authorization: Bearer %s"\n' "$bearer" |
    curl -sS -K - -w '\n%{http_code}' "$@" 2>&1) || {
    printf '%s\n' "$controller cannot be reached: $(printf '%s' "$answer" | head -n 1)"
    return 1
  }
  status=${answer##*
}
  body=${answer%
*}
  [ "$status" = 200 ] || body=$(printf '%s' "$body" | sed -n 's/.*"detail":"\([^"]*\)".*/\1/p')
  printf '%s\n' "${body:-$controller answered with status $status}"
  [ "$status" = 200 ]
}

make_account() {
  [ -z "$prefix" ] || return 0
  id "$account" >/dev/null 2>&1 || {
    useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin "$account"
    # Where they exist, the groups that may use an accelerator.
    for group in video render; do
      if getent group "$group" >/dev/null; then usermod -aG "$group" "$account"; fi
    done
  }
}

# Goes on where an earlier download broke off.
fetch() {
  [ ! -d "$versions/$id" ] || return 0
  mkdir -p "$versions"
  say "fetching the agent $version for $arch ($((bytes / 1000000)) MB)"
  tries=0
  until printf 'header = "authorization: Bearer %s"\n' "$bearer" |
    curl -sSf -K - -C - --speed-limit 1000 --speed-time 30 --max-filesize "$bytes" -o "$archive" \
      "$controller/install/bundles/sha256:$digest"; do
    [ "$(size_of "$archive")" -lt "$bytes" ] || break
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || die "the agent could not be fetched; run the command again to go on"
    sleep "$tries"
  done
  got=$(sha256sum "$archive")
  [ "${got%% *}" = "$digest" ] || {
    rm -f "$archive"
    die "what was fetched is not what the controller vouched for (sha256 ${got%% *}, expected $digest); it is thrown away"
  }
}

size_of() { if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi; }

# Beside what is there, and in its place only when it is whole and on disk.
unpack() {
  if [ ! -d "$versions/$id" ]; then
    rm -rf "$versions/.$id.new"
    mkdir "$versions/.$id.new"
    zstd -dcq --long=31 "$archive" | tar -x -C "$versions/.$id.new" --strip-components=1 --no-same-owner ||
      die "the archive cannot be unpacked at $versions"
    printf 'sha256:%s\n' "$digest" >"$versions/.$id.new/bundle.digest"
    find "$versions/.$id.new" -exec sync {} +
    mv "$versions/.$id.new" "$versions/$id"
    sync "$versions"
    rm -f "$archive"
  fi
  "$versions/$id/bin/fettle" --version >/dev/null ||
    die "the agent does not start here; the line above says why"
  problem=$(cd "$versions/$id" && bin/fettle agent --check 2>&1) ||
    die "the runtime of the agent does not load here: $(printf '%s' "$problem" | tail -n 1)"
}

put_files() {
  put "$versions/$id/deploy/launch.sh" "$place/launch" 755
  mkdir -p "$settings" "$units" "$state"
  chmod 700 "$state"
  {
    echo "FETTLE_VERSIONS=$versions"
    echo "FETTLE_AGENT_DATA=$state"
    [ -z "$name" ] || echo "FETTLE_AGENT_NAME=$name"
    [ -z "$labels" ] || echo "FETTLE_AGENT_LABEL=$labels"
    [ -z "$http_host" ] || echo "FETTLE_AGENT_HTTP_HOST=$http_host"
    [ -z "$http_port" ] || echo "FETTLE_AGENT_HTTP_PORT=$http_port"
  } | renew "$settings/agent.env" 600
  put "$versions/$id/deploy/fettle-agent.service" "$unit" 644
  if [ -n "$prefix" ]; then
    sed -e "s|/opt/fettle|$place|; s|/etc/fettle|$settings|" "$unit" >"$unit.new"
    mv "$unit.new" "$unit"
  fi
  if [ -n "$memory$cpu" ]; then
    mkdir -p "$unit.d"
    {
      echo '[Service]'
      [ -z "$memory" ] || echo "MemoryMax=$memory"
      [ -z "$cpu" ] || echo "CPUQuota=$cpu"
    } | renew "$unit.d/limits.conf" 644
  fi
}

# renew FILE MODE: the lines NAME=VALUE that are given now; under another name what was there stays,
# whoever wrote it.
renew() {
  newline='
'
  given=$(cat)
  (umask 077 && printf '%s\n' "$given" >"$1.new")
  if [ -f "$1" ]; then
    while IFS= read -r line; do
      key=${line%%=*}
      [ "$key" = "$line" ] || key=$key=
      case $newline$given$newline in
        *"$newline$key"*) ;;
        *) printf '%s\n' "$line" >>"$1.new" ;;
      esac
    done <"$1"
  fi
  chmod "$2" "$1.new"
  mv "$1.new" "$1"
}

put() {
  cp "$1" "$2.new"
  chmod "$3" "$2.new"
  mv "$2.new" "$2"
}

# Once, with the token, which is kept nowhere.
enrol() {
  if [ ! -f "$state/identity.json" ]; then
    (
      set -a
      # shellcheck disable=SC1091
      . "$settings/agent.env"
      export FETTLE_ENROL_TOKEN="$token"
      "$versions/$id/bin/fettle" agent --enrol-only --controller "$controller" >/dev/null
    ) || die "this device is not enrolled; the line above says why"
  fi
  [ -n "$prefix" ] || chown -R "$account:$account" "$state" "$versions"
}

# The first version is the current one; a later one has to prove itself as an update does.
switch() {
  before=$(readlink "$versions/current") || before=
  rm -f "$versions/refused" "$versions/refused.told"
  if [ -z "$before" ] || ! systemctl is-active --quiet "$service"; then
    rm -f "$versions/trial"
    ln -sfn "$id" "$versions/.current.new"
    mv -T "$versions/.current.new" "$versions/current"
    [ -n "$prefix" ] || chown -h "$account:$account" "$versions/current"
  elif [ "$before" != "$id" ]; then
    echo "$id 120 0" >"$versions/.trial.new"
    [ -n "$prefix" ] || chown "$account:$account" "$versions/.trial.new"
    mv "$versions/.trial.new" "$versions/trial"
  fi
  ln -sfn versions/current "$place/current"
  # These alone: a disk with much else to write would take minutes.
  sync "$versions" "$place" "$settings" "$units" "$unit" "$settings/agent.env"
  systemctl daemon-reload
  systemctl enable "$service" >/dev/null 2>&1 || die "systemd does not enable $unit"
  systemctl restart "$service" || why_not
}

# Until the version that was installed has proven itself and answers.
started() {
  port=$(sed -n 's/^FETTLE_AGENT_HTTP_PORT=//p' "$settings/agent.env")
  host=$(sed -n 's/^FETTLE_AGENT_HTTP_HOST=//p' "$settings/agent.env")
  case ${host:-127.0.0.1} in 0.0.0.0 | ::) host=127.0.0.1 ;; esac
  left=$wait_seconds
  until [ ! -f "$versions/trial" ] && [ "$(readlink "$versions/current")" = "$id" ] &&
    curl -sf -m 5 -o /dev/null "http://${host:-127.0.0.1}:${port:-8910}/v2/health/live"; do
    # The agent that runs on reports it as soon as it starts, and then it has the second name.
    refusal=$(cat "$versions/refused" 2>/dev/null || cat "$versions/refused.told" 2>/dev/null) || refusal=
    [ -z "$refusal" ] || die "version ${before:-none} runs on: $refusal"
    [ "$left" -gt 0 ] || why_not
    sleep 1
    left=$((left - 1))
  done
  device=$(sed -n 's/.*"device": *"\([^"]*\)".*/\1/p' "$state/identity.json")
  say "$device runs the agent $version and answers at http://${host:-127.0.0.1}:${port:-8910}"
}

why_not() {
  journalctl -u "$service" -n 5 --no-pager -o cat >&2 2>/dev/null || true
  die "the agent does not run; the lines above say why, and so does: journalctl -u $service"
}

remove() {
  if [ -f "$unit" ]; then
    systemctl disable --now "$service" >/dev/null 2>&1 || true
  fi
  rm -rf "$unit" "$unit.d" "$place" "$settings" "$state"
  for folder in "$prefix/opt" "$units" "$prefix/etc/systemd" "$prefix/etc" "$prefix/var/lib" "$prefix/var"; do
    [ -z "$prefix" ] || rmdir "$folder" 2>/dev/null || true
  done
  if command -v systemctl >/dev/null; then systemctl daemon-reload || true; fi
  if [ -z "$prefix" ] && id "$account" >/dev/null 2>&1; then userdel "$account"; fi
  say "nothing of the agent is left here; the controller lists the device until it is deleted there"
}

say() { echo "fettle: $*"; }
die() {
  echo "fettle: $*" >&2
  exit 1
}

# At the end: a script that arrived in half does nothing.
main "$@"
