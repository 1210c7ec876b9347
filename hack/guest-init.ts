/** Kernel modules of the guest, in the order in which they must be loaded; what a kernel has built in is not among its files. */
export const GUEST_MODULES = [
  ...['virtio_ring', 'virtio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci', 'virtio_blk'],
  ...['button', 'evdev', 'pvpanic', 'pvpanic-pci'],
  ...['failover', 'net_failover', 'virtio_net', 'cdrom', 'isofs'],
] as const;

/** What the guest does when its power button is pressed. */
export const GUEST_POWER_BUTTON = `#!/bin/sh
echo LENTICULAR POWERDOWN > /dev/ttyS0
sync
poweroff -f
`;

/**
 * The guest's first program. It writes to the serial console `LENTICULAR READY name=NAME disk2=BYTES` (NAME is the DMI product serial, `-` where
 * there is no second disk), then a heartbeat every second; each line that it reads there it runs as a command, and answers with
 * `LENTICULAR DONE CODE`. The user data's size is in the ready line where there is a NoCloud seed.
 */
export const GUEST_INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in ${GUEST_MODULES.join(' ')}; do
  [ -f /modules/$module.ko ] && insmod /modules/$module.ko
done
acpid -l /dev/null
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
name=$(cat /sys/class/dmi/id/product_serial)
disk2=-
[ -e /sys/block/vdb/size ] && disk2=$(($(cat /sys/block/vdb/size) * 512))
seed=
device=$(findfs LABEL=cidata 2>/dev/null)
if [ -n "$device" ] && mount -t iso9660 -o ro $device /mnt; then
  seed=" userdata=$(wc -c < /mnt/user-data)"
  umount /mnt
fi
echo "LENTICULAR READY name=$name disk2=$disk2$seed"
(
  n=0
  while true; do
    read -r up rest < /proc/uptime
    echo "LENTICULAR HB $n up=$up"
    n=$((n + 1))
    sleep 1
  done
) &
while true; do
  if read -r line; then
    sh -c "$line"
    echo "LENTICULAR DONE $?"
  else
    sleep 1
  fi
done
`;
