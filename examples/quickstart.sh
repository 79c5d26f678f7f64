#!/bin/bash
# A tree of four zones on this machine, with a real guest, in one command.
#
#   examples/quickstart.sh [start] [--test-hosts]   installs, builds, starts the tree, boots a server in it
#   examples/quickstart.sh status                   what runs
#   examples/quickstart.sh stop                     ends everything that start left running
#
# Needs a Debian 12 and root. Everything it makes lies under $ZONEGATE_HOME (default /var/tmp/zonegate); the build is in .build/release.
# The hypervisor is a libvirtd of its own in a mount namespace: libvirt as this machine has it is not touched. --test-hosts uses
# libvirt's test driver: the same calls, no guest. Ports are $ZONEGATE_PORT (default 8774) and the three after it.
set -u
source=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
home=${ZONEGATE_HOME:-/var/tmp/zonegate}
port=${ZONEGATE_PORT:-8774}
zones=(root east west east-1)
declare -A parent=([east]=root [west]=root [east-1]=east)
declare -A offset=([root]=0 [east]=1 [west]=2 [east-1]=3)
leaf=east-1
zonegate=$source/.build/release/zonegate
log=$home/quickstart.log
password_file=$home/admin-password
export PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 OS_CLIENT_CONFIG_FILE=$home/clouds.yaml

# --- words
step() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
say() { printf '    %s\n' "$*"; }
die() {
    printf '\nquickstart: %s\n' "$*" >&2
    exit 1
}
# quiet SENTENCE COMMAND...: its output goes to the log; on failure the sentence, and the log's last lines
quiet() {
    local sentence=$1
    shift
    echo "\$ $*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null && return 0
    tail -n 15 "$log" | sed 's/^/    | /' >&2
    die "$sentence (whole log: $log)"
}
# show COMMAND...: as a user would type it, with what it prints
show() {
    printf '\n\033[36m$ %s\033[0m\n' "$*"
    "$@" </dev/null
}
openstack_at() { # openstack_at ZONE WORD...
    local zone=$1
    shift
    timeout 600 openstack --os-cloud "$zone" "$@"
}
has() { openstack_at root "$@" >/dev/null 2>&1 </dev/null; } # has image show NAME

# --- processes: a pid file, and a mark in the command line, so that never a stranger is ended
pid_of() { # pid_of NAME MARK
    local pid
    pid=$(cat "$home/$1.pid" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$2" && echo "$pid"
}
zone_pid() { pid_of "$1" "$home/$1/zonegate.conf"; }
host_pid() { pid_of host /run/libvirt/quickstart.pid; }
wait_for() { # wait_for SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}
end_process() { # end_process PID SECONDS
    kill -TERM "$1" 2>/dev/null
    wait_for "$2" test ! -e "/proc/$1" || kill -KILL "$1" 2>/dev/null
}

# --- what is needed
as_root() { command -v sudo >/dev/null && echo "try sudo" || echo "become root with su -, then"; }
check_place() {
    [ "$(id -u)" = 0 ] || die "this must run as root (it installs packages and starts libvirtd): $(as_root) $0"
    [ ${#home} -le 60 ] || die "ZONEGATE_HOME is too long ($home): sockets below it are limited to 107 bytes; choose one of at most 60."
    mkdir -p "$home" || die "$home cannot be made: choose another place with ZONEGATE_HOME."
    chmod 755 "$home" && : >>"$log"
    case $port in '' | *[!0-9]*) die "ZONEGATE_PORT must be a number, not '$port'." ;; esac
}
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
check_ports() {
    local zone
    for zone in "${zones[@]}"; do
        [ -n "$(zone_pid "$zone")" ] && continue
        ! port_taken $((port + ${offset[$zone]})) ||
            die "port $((port + ${offset[$zone]})) is taken by another program: choose four free ones, for example with ZONEGATE_PORT=18774."
    done
}
install_and_build() {
    step "Packages (Debian's; nothing from elsewhere)"
    "$source/tests/packages.sh" build run || die "the packages above are needed; nothing was started."
    say "all there"
    step "Build (.build/release; a minute or two the first time)"
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    cd "$source" || die "$source cannot be entered."
    quiet "the build could not be set up" cmake --preset release "${launcher[@]}"
    quiet "the build failed" cmake --build .build/release --target zonegate
    say "$("$zonegate" --version)"
}

# --- the host
settings() { printf '%s\n' "$@"; }
start_libvirtd() {
    local dir=$home/host folder
    for folder in run lib etc cache log empty; do mkdir -p "$dir/$folder"; done
    settings 'unix_sock_group = "root"' 'auth_unix_rw = "none"' 'auth_unix_ro = "none"' \
        "host_uuid = \"$(cat /proc/sys/kernel/random/uuid)\"" >"$dir/etc/libvirtd.conf"
    settings 'user = "root"' 'group = "root"' 'dynamic_ownership = 0' 'security_driver = "none"' 'namespaces = [ ]' \
        'cgroup_controllers = [ ]' 'stdio_handler = "file"' >"$dir/etc/qemu.conf"
    # libvirtd ends at start when this user is unknown, even though qemu.conf says root
    getent group libvirt-qemu >/dev/null || quiet "the group libvirt-qemu cannot be made" groupadd -r -g 64055 libvirt-qemu
    getent passwd libvirt-qemu >/dev/null || quiet "the user libvirt-qemu cannot be made" \
        useradd -r -u 64055 -g libvirt-qemu -d /var/lib/libvirt -s /usr/sbin/nologin libvirt-qemu
    rm -f "$dir/run/libvirt-sock"
    setsid unshare -m --propagation unchanged bash -c 'mount --make-rprivate / 2>/dev/null || true # the / of a chroot is no mount of its own
        mkdir -p /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt
        for pair in run:/run lib:/var/lib etc:/etc cache:/var/cache log:/var/log; do
            mount --bind "$0/${pair%%:*}" "${pair#*:}/libvirt" || exit 1
        done
        exec libvirtd -f /etc/libvirt/libvirtd.conf -p /run/libvirt/quickstart.pid' "$dir" >>"$dir/libvirtd.log" 2>&1 </dev/null &
    echo $! >"$home/host.pid"
    wait_for 30 test -S "$dir/run/libvirt-sock" || {
        tail -n 5 "$dir/libvirtd.log" >&2
        die "libvirtd did not start (whole log: $dir/libvirtd.log)"
    }
}
host_uri() { $test_hosts && echo "test+unix:///default?socket=$home/host/run/libvirt-sock" || echo "qemu+unix:///system?socket=$home/host/run/libvirt-sock"; }
start_keeper() { # the test driver forgets its domains when the last connection closes
    [ -z "$(pid_of keeper virsh)" ] || return 0
    setsid bash -c 'exec virsh -q -c "$0" event --all --loop' "$(host_uri)" >>"$home/host/keeper.log" 2>&1 </dev/null &
    echo $! >"$home/keeper.pid"
}
start_host() {
    step "A host for $leaf: $($test_hosts && echo "libvirt's test driver" || echo "QEMU by a libvirtd of its own")"
    [ -n "$(host_pid)" ] || start_libvirtd
    quiet "libvirtd does not answer" virsh -q -c "$(host_uri)" uri
    ! $test_hosts || start_keeper
    say "$(host_uri)"
}

# --- the zones
url_of() { echo "http://127.0.0.1:$((port + ${offset[$1]}))"; }
write_config() {
    local zone=$1 dir=$home/$1
    mkdir -p "$dir"
    cat >"$dir/zonegate.conf" <<END
# A zone of examples/quickstart.sh; \`zonegate config\` prints every setting with its default.
[zone]
name = $zone
state_dir = $dir/state

[api]
listen = 127.0.0.1:$((port + ${offset[$zone]}))
public_url = $(url_of "$zone")

[database]
# The zone makes and runs a MariaDB server of its own.
connection = private

[compute]
pool = zonegate-$zone
pool_path = $dir/pool
sync_interval_s = 10
END
    [ "$zone" = root ] || printf '\n[identity]\n# root is the authority: logins are passed on to it.\nurl = %s/identity/v3\n' "$(url_of root)" >>"$dir/zonegate.conf"
}
at() { # at ZONE WORD...: the zone's own command line
    local zone=$1
    shift
    "$zonegate" --config "$home/$zone/zonegate.conf" "$@"
}
make_password() {
    [ -s "$password_file" ] && return
    (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$password_file")
}
start_zone() {
    local zone=$1 dir=$home/$1
    if [ -n "$(zone_pid "$zone")" ]; then
        say "$zone runs already: $(url_of "$zone")"
        return
    fi
    write_config "$zone"
    quiet "the schema of $zone cannot be made" at "$zone" db upgrade
    [ "$zone" != root ] || quiet "the first admin cannot be made" at root user bootstrap --username admin --password-file "$password_file" --project admin
    if [ "$zone" = $leaf ]; then
        at "$zone" host list --json 2>>"$log" | grep -q '"here"' || quiet "the host cannot be added" at "$zone" host add here "$(host_uri)"
    fi
    setsid "$zonegate" --config "$dir/zonegate.conf" serve >>"$dir/zonegate.log" 2>&1 </dev/null &
    echo $! >"$home/$zone.pid"
    wait_for 60 curl -fsS "$(url_of "$zone")/healthcheck" || {
        tail -n 8 "$dir/zonegate.log" | sed 's/^/    | /' >&2
        die "zone $zone did not start (whole log: $dir/zonegate.log)"
    }
    say "$zone serves $(url_of "$zone")"
}
link_zones() {
    local zone
    for zone in east west east-1; do
        at "${parent[$zone]}" zone show "$zone" >/dev/null 2>&1 ||
            quiet "$zone cannot be registered at ${parent[$zone]}" at "${parent[$zone]}" zone add "$zone" "$(url_of "$zone")" \
                --username admin --password-file "$password_file"
    done
    wait_for 60 all_joined || die "the zones do not find each other; look at $home/*/zonegate.log"
}
all_joined() {
    local drawn path
    drawn=$(at root zone tree --json 2>/dev/null) || return 1
    for path in east west east/east-1; do grep -qF "\"path\": \"$path\"" <<<"$drawn" || return 1; done
    ! grep -qE '"state": "(unknown|down|suspect)"' <<<"$drawn"
}
write_clouds() {
    local zone
    (umask 077 && : >"$home/clouds.yaml")
    echo "clouds:" >"$home/clouds.yaml"
    for zone in "${zones[@]}"; do
        cat >>"$home/clouds.yaml" <<END
  $zone:
    region_name: RegionOne
    identity_api_version: 3
    auth:
      auth_url: $(url_of "$zone")/identity/v3
      username: admin
      password: "$(cat "$password_file")"
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
END
    done
}
start_zones() {
    step "Four zones, each a process with a database of its own"
    make_password
    local zone
    for zone in "${zones[@]}"; do start_zone "$zone"; done
    write_clouds
    step "Parents get to know their children"
    link_zones
    show_tree
}
show_tree() { show "$zonegate" --config "$home/root/zonegate.conf" zone tree; }

# --- the server
upload() { # upload NAME FILE FORMAT [OPTION...]
    local name=$1 file=$2 format=$3
    shift 3
    local container=bare
    [ "$format" = raw ] || container=$format
    has image show "$name" || quiet "image $name cannot be uploaded" openstack_at root image create "$name" --file "$file" \
        --disk-format "$format" --container-format "$container" --public "$@"
}
image_id() { openstack_at root image show "$1" -f value -c id 2>/dev/null </dev/null; }
prepare_image() {
    step "A flavor and an image, given to root"
    has flavor show m1.tiny || quiet "the flavor cannot be made" openstack_at root flavor create m1.tiny --ram 96 --disk 1 --vcpus 1
    if $test_hosts; then
        [ -s "$home/blank.img" ] || head -c 1048576 /dev/zero >"$home/blank.img"
        upload tiny "$home/blank.img" raw
    else
        quiet "the guest cannot be built" "$source/examples/image/build.sh" "$home/guest"
        upload tiny-kernel "$home/guest/kernel" aki
        upload tiny-ramdisk "$home/guest/ramdisk" ari
        upload tiny "$home/guest/disk.img" raw --property kernel_id="$(image_id tiny-kernel)" --property ramdisk_id="$(image_id tiny-ramdisk)"
    fi
    say "flavor m1.tiny, image tiny"
}
boot_server() {
    step "A server, asked for at root; only $leaf has a host"
    local proof
    proof=proof-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
    echo "$proof" >"$home/user-data"
    echo "$proof in a file" >"$home/injected"
    has keypair show hello || openstack_at root keypair create hello >"$home/hello.pem" 2>/dev/null </dev/null || die "no key pair can be made"
    ! has server show hello || quiet "the former server cannot be deleted" openstack_at root server delete --wait hello
    show openstack --os-cloud root server create --flavor m1.tiny --image tiny --user-data "$home/user-data" --key-name hello \
        --property "proof=$proof" --file "/etc/proof=$home/injected" --config-drive True --wait hello -c id -c name -c status || die "the server was not made; look at $home/*/zonegate.log"
    # to the openstack command, a server that ends in ERROR is a success
    [ "$(openstack_at root server show hello -f value -c status </dev/null)" = ACTIVE ] ||
        die "the server is not ACTIVE: $(openstack_at root server show hello -f value -c fault </dev/null)"
    local zone
    for zone in root east $leaf; do show openstack --os-cloud "$zone" server list; done
    $test_hosts || prove_boot "$proof"
}
console_has() { openstack_at root console log show hello 2>/dev/null | grep -qF "$1"; }
prove_boot() {
    local key
    key=$(openstack_at root keypair show hello --public-key 2>/dev/null </dev/null | cut -d ' ' -f 2)
    say ""
    say "The guest boots (5 to 20 seconds without KVM) ..."
    wait_for 180 console_has "zonegate-guest: ready" || die "the guest did not come up; look at: openstack --os-cloud root console log show hello"
    printf '\n\033[36m$ openstack --os-cloud root console log show hello | grep zonegate-guest\033[0m\n'
    openstack_at root console log show hello </dev/null | grep zonegate-guest
    console_has "user-data=$1" || die "the guest did not report its user data"
    console_has "file=$1 in a file" || die "the guest did not report its injected file"
    console_has "\"proof\": \"$1\"" || console_has "\"proof\":\"$1\"" || die "the guest did not report its metadata"
    [ -n "$key" ] && console_has "$key" || die "the guest did not report its key"
    say ""
    say "$1 is the user data, the metadata and the injected file of this run, and the key is the key pair's: the guest read its config drive."
}

start() {
    check_place
    check_ports
    install_and_build
    start_host
    start_zones
    prepare_image
    boot_server
    step "The tree runs on"
    say "export OS_CLIENT_CONFIG_FILE=$home/clouds.yaml"
    say "openstack --os-cloud root server list       (clouds: ${zones[*]})"
    say "stop it with: $0 stop"
}
stop() {
    [ "$(id -u)" = 0 ] || die "this must run as root, as start did: $(as_root) $0 stop"
    local zone pid uuid
    for zone in east-1 west east root; do
        pid=$(zone_pid "$zone") && [ -n "$pid" ] && end_process "$pid" 60 && say "$zone stopped"
        rm -f "$home/$zone.pid"
    done
    pid=$(pid_of keeper virsh) && [ -n "$pid" ] && end_process "$pid" 10
    rm -f "$home/keeper.pid"
    pid=$(host_pid)
    if [ -n "$pid" ]; then
        for uuid in $(virsh -q -c "qemu+unix:///system?socket=$home/host/run/libvirt-sock" list --uuid 2>/dev/null); do
            virsh -q -c "qemu+unix:///system?socket=$home/host/run/libvirt-sock" destroy "$uuid" >/dev/null 2>&1 && say "guest $uuid ended"
        done
        end_process "$pid" 20 && say "libvirtd stopped"
    fi
    rm -f "$home/host.pid"
    say "nothing of it runs any more; $home is kept (remove it to begin anew)"
}
status() {
    local zone pid
    for zone in "${zones[@]}"; do
        pid=$(zone_pid "$zone")
        say "$(printf '%-8s %-24s %s' "$zone" "$(url_of "$zone")" "${pid:+process }${pid:-stopped}")"
    done
    pid=$(host_pid)
    say "$(printf '%-8s %-24s %s' host libvirtd "${pid:+process }${pid:-stopped}")"
    [ -z "$(zone_pid root)" ] || show_tree
}

command=start test_hosts=false
for word; do
    case $word in
    start | stop | status) command=$word ;;
    --test-hosts) test_hosts=true ;;
    --help | -h) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) die "unknown word '$word'; try --help" ;;
    esac
done
$command
