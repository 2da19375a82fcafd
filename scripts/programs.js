/** The Debian programs that the suites are checked against, and how to see that they are there. */
const onPath = (program, debian = program) => ({ program, debian, probe: `command -v ${program}` });

export const debianPrograms = [
  onPath('chromium'),
  onPath('qemu-system-arm'),
  onPath('gdb-multiarch'),
  onPath('arm-none-eabi-gcc', 'gcc-arm-none-eabi'),
  onPath('openocd'),
  onPath('socat'),
  onPath('srec_cat', 'srecord'),
  { program: 'python3-intelhex', debian: 'python3-intelhex', probe: '/usr/bin/python3 -c "import intelhex"' },
  { program: 'a Chinese font', debian: 'fonts-noto-cjk', probe: 'test -d /usr/share/fonts/opentype/noto' },
];
