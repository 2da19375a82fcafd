#!/bin/sh
# The guest's first process: the host's root, read-only, under a layer of tmpfs; then /out/job.sh in it; then off.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
while read -r module; do insmod "/m/$module" || echo "guest: $module was not loaded"; done < /m/order
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up
share=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $share,cache=loose,ro hostroot /lower || echo 'guest: no host root'
mount -t tmpfs tmpfs /rw
mkdir -p /rw/upper /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work overlay /root || echo 'guest: no overlay'
for name in proc sys dev; do mkdir -p /root/$name; mount --bind /$name /root/$name; done
mount --bind /dev/pts /root/dev/pts
mount -t tmpfs tmpfs /root/run
mkdir -p /root/out
mount -t 9p -o $share out /root/out || echo 'guest: no out'
chroot /root /bin/bash /out/job.sh
echo $? > /root/out/exit-code
sync
poweroff -f
