// Prints table.h: one period of a sine in 16 bits, 20,480 samples (40 KiB). Run by scripts/build-firmware.js.
const length = 20_480;
const samples = Array.from({ length }, (_, i) => Math.round(32_767.5 + 32_767 * Math.sin((2 * Math.PI * i) / length)));
const rows = Array.from({ length: length / 16 }, (_, row) => `  ${samples.slice(row * 16, row * 16 + 16).join(', ')},`);
process.stdout.write(
  `#define TABLE_LENGTH ${length}u\n#define TABLE_LARGEST_STEP ${Math.ceil((2 * Math.PI * 32_767) / length)}u\n` +
    `static const uint16_t sine_table[TABLE_LENGTH] = {\n${rows.join('\n')}\n};\n`,
);
