# Sourced by .ci/run, as root: Docker Engine from Debian's packages, started for this run only.
# Leaves DOCKER_HOST, LIVERY_REQUIRE_DOCKER=1, LIVERY_REQUIRE_GVISOR=1 and, once `make install` was run, LIVERY_SANDBOX_IMAGE.
if ! command -v dockerd >/dev/null || [ ! -x /usr/sbin/debootstrap ] || ! command -v runsc >/dev/null; then
  echo "== Docker Engine, debootstrap and gVisor from Debian's packages"
  export DEBIAN_FRONTEND=noninteractive
  timeout 300 apt-get update -qq
  # Installing must not start a daemon of its own: it would want a bridge and iptables.
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
  timeout 900 apt-get install -y -qq --no-install-recommends docker.io debootstrap runsc >/dev/null
  rm -f /usr/sbin/policy-rc.d
fi

docker_folder=$(mktemp -d /tmp/livery-docker.XXXXXX)
docker_cgroups() {  # a machine without systemd may have no cgroups mounted
  grep -q ' /sys/fs/cgroup' /proc/mounts && return 0
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  for name in $(awk '!/^#/ && $4 == 1 {print $1}' /proc/cgroups); do
    mkdir -p "/sys/fs/cgroup/$name" && mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" || true
  done
}
docker_stop() {
  if [ -n "${docker_pid:-}" ]; then
    kill "$docker_pid" 2>/dev/null || true
    timeout 30 tail --pid="$docker_pid" -f /dev/null || kill -9 "$docker_pid" 2>/dev/null || true
  fi
  rm -rf "$docker_folder" 2>/dev/null || true
}
trap docker_stop EXIT

docker_cgroups
echo "== Docker Engine in $docker_folder"
# gVisor's ptrace platform needs nothing of the machine; no network but a mounted socket. The machine's own runc is
# there a second time: by it the tests show that LIVERY_SANDBOX_RUNTIME chooses.
cat >"$docker_folder/daemon.json" <<'CONFIG'
{"runtimes": {"livery-second": {"path": "RUNC"}, "runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--platform=ptrace", "--network=none", "--fsgofer-host-uds"]}}}
CONFIG
sed -i "s#RUNC#$(command -v runc)#" "$docker_folder/daemon.json"
dockerd --config-file "$docker_folder/daemon.json" --bridge=none --iptables=false --ip6tables=false --host "unix://$docker_folder/docker.sock" \
  --data-root "$docker_folder/data" --exec-root "$docker_folder/exec" --pidfile "$docker_folder/pid" \
  >"$docker_folder/log" 2>&1 &
docker_pid=$!
export DOCKER_HOST="unix://$docker_folder/docker.sock" LIVERY_REQUIRE_DOCKER=1 LIVERY_REQUIRE_GVISOR=1
for _ in $(seq 60); do
  timeout 5 python3 - "$docker_folder/docker.sock" <<'PING' && break
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(3)
s.connect(sys.argv[1])
s.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
sys.exit(b"OK" not in s.recv(4096))
PING
  kill -0 "$docker_pid" 2>/dev/null || { tail -20 "$docker_folder/log"; exit 1; }
  sleep 1
done

docker_image() {  # call after `make install`: the image once, for all tests
  echo "== the sandbox's image"
  LIVERY_SANDBOX_IMAGE=$(LIVERY_HOME="$docker_folder/home" timeout 900 .venv/bin/livery sandbox build --from debootstrap --json \
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["image"])')
  export LIVERY_SANDBOX_IMAGE
}
