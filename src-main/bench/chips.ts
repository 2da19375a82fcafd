import type { ChipKind } from './chip.ts';
import { NRF52840_MEMORY_MAP } from './gdb/documents.ts';
import { Cpld } from './jtag/cpld.ts';
import { Nrf51822 } from './nrf/nrf51822.ts';
import { Nrf52840 } from './nrf/nrf52840.ts';
import { Rp2040 } from './rp2040/rp2040.ts';
import { makeSamd21g18 } from './samd21/samd21g18.ts';
import { makeStm32f407 } from './stm32f4/stm32f407.ts';
import { makeStm32g071 } from './stm32g0/stm32g071.ts';

/** The chips that the bench has models of, by the id of their description (resources/chips). */
export const CHIPS: Readonly<Record<string, ChipKind>> = {
  cpld: { make: (factory) => new Cpld(factory) },
  nrf51822: { make: (factory) => new Nrf51822(factory) },
  nrf52840: { make: (factory) => new Nrf52840(factory), gdbMemoryMap: NRF52840_MEMORY_MAP },
  rp2040: { make: (factory) => new Rp2040(factory) },
  atsamd21g18a: { make: makeSamd21g18 },
  stm32f407vg: { make: makeStm32f407 },
  stm32g071rb: { make: makeStm32g071 },
};
