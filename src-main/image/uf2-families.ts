/** Names of UF2 family ids, for people: github.com/microsoft/uf2, utils/uf2families.json. Others are shown as numbers. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00ff6919, 'STM32L4'],
  [0x16573617, 'ATMEGA32'],
  [0x1851780a, 'SAML21'],
  [0x1b57745f, 'NRF52'],
  [0x1c5f21b0, 'ESP32'],
  [0x202e3a91, 'STM32L0'],
  [0x300f5633, 'STM32G0'],
  [0x4c71240a, 'STM32G4'],
  [0x4fb2d5bd, 'MIMXRT10XX'],
  [0x53b80f00, 'STM32F7'],
  [0x540ddf62, 'ESP32C6'],
  [0x55114460, 'SAMD51'],
  [0x57755a57, 'STM32F4'],
  [0x5ee21072, 'STM32F1'],
  [0x621e937a, 'NRF52833'],
  [0x647824b6, 'STM32F0'],
  [0x68ed2b88, 'SAMD21'],
  [0x6b846188, 'STM32F3'],
  [0x6d0922fa, 'STM32F407'],
  [0x6db66082, 'STM32H7'],
  [0x70d16653, 'STM32WB'],
  [0x72721d4e, 'NRF52832xxAA'],
  [0x8fb060fe, 'STM32F407VG'],
  [0xada52840, 'NRF52840'],
  [0xbfdd4eee, 'ESP32S2'],
  [0xc47e5767, 'ESP32S3'],
  [0xd42ba06c, 'ESP32C3'],
  [0xe48bff56, 'RP2040'],
  [0xe48bff57, 'RP2XXX_ABSOLUTE'],
  [0xe48bff58, 'RP2XXX_DATA'],
  [0xe48bff59, 'RP2350_ARM_S'],
  [0xe48bff5a, 'RP2350_RISCV'],
]);

/** `SAMD21 (0x68ED2B88)`, or the number alone. */
export function uf2FamilyName(family: number): string {
  const number = `0x${family.toString(16).toUpperCase().padStart(8, '0')}`;
  const name = NAMES.get(family);
  return name === undefined ? number : `${name} (${number})`;
}
