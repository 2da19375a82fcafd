import { z } from 'zod';
import type { EspUart } from '#shared/model/interfaces/esp.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** Code that takes the ROM's place while the flash is written, and where it goes in the chip's RAM. */
export interface Stub {
  readonly entry: number;
  readonly parts: readonly { readonly address: number; readonly bytes: Uint8Array }[];
}

/**
 * Espressif's own flasher stubs, built by Espressif and carried by its package `esptool-js` (Apache-2.0, as the stubs' sources are):
 * the package's version, pinned in package-lock.json with its hash, says which. Each is loaded when it is needed.
 */
const STUBS: Readonly<Record<EspUart['stub'], () => Promise<{ readonly default: unknown }>>> = {
  esp32: () => import('esptool-js/lib/targets/stub_flasher/esp32.json', { with: { type: 'json' } }),
  esp32s2: () => import('esptool-js/lib/targets/stub_flasher/esp32s2.json', { with: { type: 'json' } }),
  esp32s3: () => import('esptool-js/lib/targets/stub_flasher/esp32s3.json', { with: { type: 'json' } }),
  esp32c2: () => import('esptool-js/lib/targets/stub_flasher/esp32c2.json', { with: { type: 'json' } }),
  esp32c3: () => import('esptool-js/lib/targets/stub_flasher/esp32c3.json', { with: { type: 'json' } }),
  esp32c6: () => import('esptool-js/lib/targets/stub_flasher/esp32c6.json', { with: { type: 'json' } }),
  esp32h2: () => import('esptool-js/lib/targets/stub_flasher/esp32h2.json', { with: { type: 'json' } }),
};

const address = z.number().int().min(0).max(0xffffffff);
const code = z.base64().transform((text) => Uint8Array.from(Buffer.from(text, 'base64')));
const StubFile = z.object({ entry: address, text: code, text_start: address, data: code, data_start: address });

export async function loadStub(name: EspUart['stub']): Promise<Stub> {
  const file = StubFile.safeParse((await STUBS[name]()).default);
  if (!file.success) {
    throw new FlashlineError('chip-invalid', {
      params: { file: `${name}.json`, detail: file.error.issues[0]?.message ?? '' },
    });
  }
  const { entry, text, text_start, data, data_start } = file.data;
  return {
    entry,
    parts: [
      { address: text_start, bytes: text },
      { address: data_start, bytes: data },
    ],
  };
}
