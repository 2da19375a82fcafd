/** The Debian programs that the suites are checked against, and how to see that they are there. */
const onPath = (program, debian = program) => ({ program, debian, probe: `command -v ${program}` });

export const debianPrograms = [
  onPath('chromium'),
  onPath('qemu-system-arm'),
  onPath('gdb-multiarch'),
  onPath('arm-none-eabi-gcc', 'gcc-arm-none-eabi'),
  onPath('openocd'),
  onPath('openssl'),
  onPath('unzip'),
  {
    program: 'softhsm2',
    debian: 'softhsm2',
    probe: 'test -f /usr/lib/softhsm/libsofthsm2.so && command -v softhsm2-util',
  },
  onPath('pkcs11-tool', 'opensc'),
  onPath('age'),
  onPath('socat'),
  onPath('stm32flash'),
  // An emulated PC whose Linux has USB (test/support/usb-guest).
  onPath('qemu-system-x86_64', 'qemu-system-x86'),
  { program: 'busybox', debian: 'busybox-static', probe: 'test -x /bin/busybox && ! ldd /bin/busybox' },
  onPath('cpio'),
  onPath('flashrom'),
  { program: 'depmod', debian: 'kmod', probe: 'test -x /sbin/depmod' },
  { program: 'udevadm', debian: 'udev', probe: 'test -x /lib/systemd/systemd-udevd' },
  { program: 'postgresql', debian: 'postgresql', probe: 'ls /usr/lib/postgresql/*/bin/postgres' },
  { program: 'python3', debian: 'python3', probe: 'test -x /usr/bin/python3' },
  onPath('srec_cat', 'srecord'),
  onPath('dfu-util'),
  onPath('zint'),
  onPath('ZXingReader', 'zxing-cpp-tools'),
  { program: 'python3-intelhex', debian: 'python3-intelhex', probe: '/usr/bin/python3 -c "import intelhex"' },
  { program: 'a Chinese font', debian: 'fonts-noto-cjk', probe: 'test -d /usr/share/fonts/opentype/noto' },
];
