import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { EspSecurity } from '../loader-model.ts';
import type { EfuseCells } from './cells.ts';

/** What the ROM makes of the eFuses as it starts (TRMs, eFuse Controller; ESP-IDF, Security). */
export function securityOf({ switches, encryption, keys }: EspEfuse, cells: EfuseCells): EspSecurity {
  const is = (name: string) => cells.value(name) !== 0;
  const all = (names: readonly string[]) => names.length > 0 && names.every(is);
  const secureDownload = all(switches.secureDownload);
  const bits = [
    all(switches.secureBoot),
    is('SECURE_BOOT_AGGRESSIVE_REVOKE'),
    secureDownload,
    ...switches.revoke.map(is),
  ];
  return {
    flags: bits.reduce((sum, bit, index) => sum + (bit ? 2 ** index : 0), 0),
    secureDownload,
    noDownload: all(switches.download),
    encryptionCount: cells.value(encryption),
    purposes: keys.map(({ purpose }) => (purpose === undefined ? 0 : cells.value(purpose))),
  };
}
