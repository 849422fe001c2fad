#!/bin/sh
# Makes an arm64 Debian that QEMU boots: a root file system, a kernel, and a first file system that
# loads the drivers of QEMU's disk. Run as root. Its second stage runs in the emulated machine, so
# that nothing foreign has to run here.
#   image.sh FOLDER
set -eu
folder=$1
suite=bookworm
mirror=${FETTLE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
include=systemd,systemd-sysv,udev,dbus,kmod,curl,ca-certificates,zstd,libstdc++6
work=$folder/work
mkdir -p "$work"

# Packages of the other architecture, from a list of their own.
apt_dir=$work/apt
mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial" "$apt_dir/debs"
: >"$apt_dir/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt_dir/sources.list"
foreign() {
  command=$1
  shift
  "$command" -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o Dir::State::lists="$apt_dir/lists" -o Dir::State::status="$apt_dir/status" \
    -o Dir::Cache="$apt_dir/cache" -o Dir::Etc::sourcelist="$apt_dir/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
}
foreign apt-get update
kernel=$(foreign apt-cache depends linux-image-arm64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
(cd "$apt_dir/debs" && foreign apt-get download "$kernel" busybox-static)
rm -rf "$work/extracted"
for deb in "$apt_dir"/debs/*.deb; do dpkg-deb -x "$deb" "$work/extracted"; done
cp "$work"/extracted/boot/vmlinuz-* "$folder/kernel"

# The first file system: a shell and the modules that the disk and its file system need.
first=$work/first
rm -rf "$first"
mkdir -p "$first/bin" "$first/modules" "$first/proc" "$first/dev" "$first/root"
cp "$work/extracted/bin/busybox" "$first/bin/busybox"
ln -s busybox "$first/bin/sh"
modules='virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio
  virtio_blk crc16 crc32c_generic libcrc32c mbcache jbd2 ext4'
order=
for module in $modules; do
  found=$(find "$work/extracted/lib/modules" -name "$module.ko" | head -n 1)
  # What is absent is built into the kernel.
  [ -n "$found" ] || continue
  cp "$found" "$first/modules/"
  order="$order $module"
done
cat >"$first/init" <<INIT
#!/bin/sh
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox mount -t proc none /proc
for module in$order; do /bin/busybox insmod /modules/\$module.ko; done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root || exec sh
if [ -x /root/debootstrap/debootstrap ]; then
  /bin/busybox mount -t proc none /root/proc
  /bin/busybox mount -t devtmpfs none /root/dev
  /bin/busybox chroot /root /debootstrap/debootstrap --second-stage && echo second stage done >/root/finished
  /bin/busybox chroot /root /usr/bin/apt-get clean
  /bin/busybox sync
  /bin/busybox umount /root/dev
  /bin/busybox umount -l /root/proc
  /bin/busybox umount /root
  /bin/busybox poweroff -f
fi
exec /bin/busybox switch_root /root /sbin/init
INIT
chmod 755 "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet | gzip -9) >"$folder/first.gz"

# The root file system.
root=$work/root
rm -rf "$root"
debootstrap --foreign --arch=arm64 --variant=minbase --include="$include" "$suite" "$root" "$mirror"
# The network card's and the rest's modules are loaded by udev.
mkdir -p "$root/lib/modules"
cp -a "$work"/extracted/lib/modules/* "$root/lib/modules/"
depmod -b "$root" "$(ls "$root/lib/modules")"
mkdir -p "$root/etc/systemd/network" "$root/etc/systemd/system/multi-user.target.wants"
echo board >"$root/etc/hostname"
echo '/dev/vda / ext4 defaults,noatime 0 1' >"$root/etc/fstab"
printf '[Match]\nName=e*\n[Network]\nDHCP=ipv4\n' >"$root/etc/systemd/network/80-board.network"
cat >"$root/etc/systemd/system/control.service" <<'UNIT'
[Unit]
Description=A shell for the test, on a serial port
StartLimitIntervalSec=0
[Service]
# It can be opened once.
ExecStart=/bin/sh -c 'exec /bin/sh 0<>/dev/virtio-ports/control 1>&0 2>&1'
WorkingDirectory=/root
Restart=always
RestartSec=5
UNIT
wants=$root/etc/systemd/system/multi-user.target.wants
ln -s /etc/systemd/system/control.service "$wants/control.service"
ln -s /lib/systemd/system/systemd-networkd.service "$wants/systemd-networkd.service"

image=$folder/root.img
rm -f "$image"
truncate -s 3G "$image"
mkfs.ext4 -q -F -d "$root" "$image"
"${QEMU:-qemu-system-aarch64}" -M virt -cpu cortex-a76 -smp 2 -m 1024 -accel tcg,thread=multi \
  -nographic -nodefaults -no-reboot -serial "file:$folder/second-stage.log" \
  -kernel "$folder/kernel" -initrd "$folder/first.gz" -append 'console=ttyAMA0 quiet' \
  -drive "if=none,id=disk,format=raw,file=$image,cache=unsafe" -device virtio-blk-pci,drive=disk
tail -n 3 "$folder/second-stage.log"
grep -q 'Base system installed successfully' "$folder/second-stage.log"
rm -rf "$work"
touch "$folder/complete"
