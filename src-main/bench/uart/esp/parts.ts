/** What differs from chip to chip, as their manuals and ROMs have it. */
export interface EspPart {
  /** In an image's header, and what the ROM tells. */
  readonly chipId: number;
  /** The word at 0x40001000. */
  readonly magic: number;
  readonly security: 'none' | 'flags' | 'chip-id';
  /** As the bench's parts come from the factory, hundreds being major, and the fields that say it. */
  readonly revision: Readonly<Record<string, number>>;
  readonly crystalMhz: number;
  /** The stub raises its clocks (esp-flasher-stub, main.c). */
  readonly boosted: boolean;
  /** Words outside of eFuses and SPI that somebody may look at. */
  readonly words: readonly (readonly [address: number, word: number])[];
  readonly spi: number;
  readonly spiOld: boolean;
  readonly bootloader: number;
  /** Where a stub may be put. */
  readonly ram: readonly (readonly [from: number, to: number])[];
  readonly greeting: string;
}

const riscv = {
  magic: 0x0bad_c0de,
  security: 'chip-id',
  spiOld: false,
  bootloader: 0,
  crystalMhz: 40,
  boosted: false,
  words: [],
} as const;

/** UART_CLKDIV at 115,200 baud from a crystal of 40 MHz. */
const DIVIDER = Math.floor(40_000_000 / 115_200);

/** TRMs, System and Memory; the greetings are what the parts' ROMs print. */
export const ESP_PARTS: Readonly<Record<string, EspPart>> = {
  esp32: {
    chipId: 0,
    magic: 0x00f0_1d83,
    security: 'none',
    spi: 0x3ff4_2000,
    spiOld: true,
    bootloader: 0x1000,
    ram: [
      [0x3ffa_e000, 0x4000_0000],
      [0x4008_0000, 0x400c_0000],
    ],
    revision: { CHIP_VER_REV1: 1, CHIP_VER_REV2: 1, WAFER_VERSION_MINOR: 1 },
    crystalMhz: 40,
    boosted: true,
    // SYSCON's date: with both bits of the eFuses revision 3.
    words: [
      [0x3ff6_607c, 0x8000_0000],
      [0x3ff4_0014, DIVIDER],
    ],
    greeting: 'ets Jul 29 2019 12:21:46\r\n\r\n',
  },
  'esp32-s2': {
    chipId: 2,
    magic: 0x0000_07c6,
    security: 'flags',
    spi: 0x3f40_2000,
    spiOld: false,
    bootloader: 0x1000,
    ram: [
      [0x3ff9_e000, 0x4000_0000],
      [0x4002_0000, 0x4007_0000],
    ],
    revision: { WAFER_VERSION_MAJOR: 1 },
    crystalMhz: 40,
    boosted: true,
    words: [],
    greeting: 'ESP-ROM:esp32s2-rc4-20191025\r\nBuild:Oct 25 2019\r\n',
  },
  'esp32-s3': {
    ...riscv,
    chipId: 9,
    spi: 0x6000_2000,
    ram: [
      [0x3fc8_8000, 0x3fd0_0000],
      [0x4037_0000, 0x403e_0000],
    ],
    revision: { WAFER_VERSION_MINOR_LO: 2 },
    greeting: 'ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n',
  },
  'esp32-c2': {
    ...riscv,
    chipId: 12,
    spi: 0x6000_2000,
    ram: [
      [0x3fca_0000, 0x3fce_0000],
      [0x4037_c000, 0x403c_0000],
    ],
    revision: { WAFER_VERSION_MAJOR: 1, WAFER_VERSION_MINOR: 2 },
    words: [[0x6000_0014, DIVIDER]],
    greeting: 'ESP-ROM:esp8684-api2-20220127\r\nBuild:Jan 27 2022\r\n',
  },
  'esp32-c3': {
    ...riscv,
    chipId: 5,
    spi: 0x6000_2000,
    ram: [
      [0x3fc8_0000, 0x3fce_0000],
      [0x4037_c000, 0x403e_0000],
    ],
    revision: { WAFER_VERSION_MINOR_LO: 4 },
    greeting: 'ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n',
  },
  'esp32-c6': {
    ...riscv,
    chipId: 13,
    spi: 0x6000_3000,
    ram: [[0x4080_0000, 0x4088_0000]],
    revision: { WAFER_VERSION_MINOR: 1 },
    greeting: 'ESP-ROM:esp32c6-20220919\r\nBuild:Sep 19 2022\r\n',
  },
  'esp32-h2': {
    ...riscv,
    chipId: 16,
    spi: 0x6000_3000,
    ram: [[0x4080_0000, 0x4085_0000]],
    revision: { WAFER_VERSION_MINOR: 1 },
    crystalMhz: 32,
    greeting: 'ESP-ROM:esp32h2-20221101\r\nBuild:Nov  1 2022\r\n',
  },
};
