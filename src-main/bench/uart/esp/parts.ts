/** What differs from chip to chip, as their manuals and ROMs have it. */
export interface EspPart {
  /** In an image's header, and what the ROM tells. */
  readonly chipId: number;
  /** The word at 0x40001000. */
  readonly magic: number;
  readonly security: 'none' | 'flags' | 'chip-id';
  readonly mac: { readonly low: number; readonly high: number };
  /** eFuse words that the oldest chip is asked instead: flash encryption counter, secure boot. */
  readonly spi: number;
  readonly spiOld: boolean;
  readonly bootloader: number;
  /** Where a stub may be put. */
  readonly ram: readonly (readonly [from: number, to: number])[];
  readonly greeting: string;
}

const riscv = { magic: 0x0bad_c0de, security: 'chip-id', spiOld: false, bootloader: 0 } as const;

/** TRMs, System and Memory; the greetings are what the parts' ROMs print. */
export const ESP_PARTS: Readonly<Record<string, EspPart>> = {
  esp32: {
    chipId: 0,
    magic: 0x00f0_1d83,
    security: 'none',
    mac: { low: 0x3ff5_a004, high: 0x3ff5_a008 },
    spi: 0x3ff4_2000,
    spiOld: true,
    bootloader: 0x1000,
    ram: [
      [0x3ffa_e000, 0x4000_0000],
      [0x4008_0000, 0x400c_0000],
    ],
    greeting: 'ets Jul 29 2019 12:21:46\r\n\r\n',
  },
  'esp32-s2': {
    chipId: 2,
    magic: 0x0000_07c6,
    security: 'flags',
    mac: { low: 0x3f41_a044, high: 0x3f41_a048 },
    spi: 0x3f40_2000,
    spiOld: false,
    bootloader: 0x1000,
    ram: [
      [0x3ff9_e000, 0x4000_0000],
      [0x4002_0000, 0x4007_0000],
    ],
    greeting: 'ESP-ROM:esp32s2-rc4-20191025\r\nBuild:Oct 25 2019\r\n',
  },
  'esp32-s3': {
    ...riscv,
    chipId: 9,
    mac: { low: 0x6000_7044, high: 0x6000_7048 },
    spi: 0x6000_2000,
    ram: [
      [0x3fc8_8000, 0x3fd0_0000],
      [0x4037_0000, 0x403e_0000],
    ],
    greeting: 'ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n',
  },
  'esp32-c2': {
    ...riscv,
    chipId: 12,
    mac: { low: 0x6000_8840, high: 0x6000_8844 },
    spi: 0x6000_2000,
    ram: [
      [0x3fca_0000, 0x3fce_0000],
      [0x4037_c000, 0x403c_0000],
    ],
    greeting: 'ESP-ROM:esp8684-api2-20220127\r\nBuild:Jan 27 2022\r\n',
  },
  'esp32-c3': {
    ...riscv,
    chipId: 5,
    mac: { low: 0x6000_8844, high: 0x6000_8848 },
    spi: 0x6000_2000,
    ram: [
      [0x3fc8_0000, 0x3fce_0000],
      [0x4037_c000, 0x403e_0000],
    ],
    greeting: 'ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n',
  },
  'esp32-c6': {
    ...riscv,
    chipId: 13,
    mac: { low: 0x600b_0844, high: 0x600b_0848 },
    spi: 0x6000_3000,
    ram: [[0x4080_0000, 0x4088_0000]],
    greeting: 'ESP-ROM:esp32c6-20220919\r\nBuild:Sep 19 2022\r\n',
  },
  'esp32-h2': {
    ...riscv,
    chipId: 16,
    mac: { low: 0x600b_0844, high: 0x600b_0848 },
    spi: 0x6000_3000,
    ram: [[0x4080_0000, 0x4085_0000]],
    greeting: 'ESP-ROM:esp32h2-20221101\r\nBuild:Nov  1 2022\r\n',
  },
};
