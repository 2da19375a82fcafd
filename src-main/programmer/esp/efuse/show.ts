import { toHex } from '#shared/base/bytes.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import { onesOf } from './reader.ts';
import { type EfuseState, fieldBytes, hasField, isHidden, isWriteProtected, valueOf } from './state.ts';

/** A key's block, as people look at it. */
export interface KeyView {
  readonly block: number;
  readonly purpose: string;
  readonly holds: 'nothing' | 'hidden' | 'data';
  /** Its data, where it is a digest of a public key: that is no secret. */
  readonly digest: string | null;
  readonly revoked: boolean;
  readonly readProtected: boolean;
  readonly writeProtected: boolean;
}

export interface EfuseView {
  readonly mac: string;
  readonly customMac: string | null;
  readonly revision: string;
  readonly scheme: string;
  readonly flashEncryption: { readonly on: boolean; readonly count: number };
  readonly secureBoot: boolean;
  readonly jtagDisabled: boolean;
  readonly downloadDisabled: boolean;
  readonly secureDownload: boolean;
  readonly keys: readonly KeyView[];
  readonly fields: readonly { readonly name: string; readonly value: string; readonly writeProtected: boolean }[];
  readonly blocks: readonly {
    readonly block: number;
    readonly data: string | null;
    readonly corrected: number;
    readonly failed: boolean;
    readonly readProtected: boolean;
    readonly writeProtected: boolean;
  }[];
}

export function viewOf(state: EfuseState, revision: string): EfuseView {
  const { efuse } = state;
  const counter = valueOf(state, efuse.encryption);
  return {
    mac: macText(fieldBytes(state, 'MAC').toReversed()),
    customMac: customMac(state),
    revision,
    scheme: state.scheme,
    flashEncryption: { on: onesOf(counter) % 2 === 1, count: onesOf(counter) },
    secureBoot: all(state, efuse.switches.secureBoot),
    jtagDisabled: all(state, efuse.switches.jtag),
    downloadDisabled: all(state, efuse.switches.download),
    secureDownload: all(state, efuse.switches.secureDownload),
    keys: efuse.keys.map((key) => keyView(state, key)),
    fields: efuse.fields
      .filter(({ size }) => size <= 32)
      .map(({ name, lock }) => ({
        name,
        value: `0x${valueOf(state, name).toString(16)}`,
        writeProtected: isWriteProtected(state, lock),
      })),
    blocks: state.blocks.map((bytes, block) => {
      const readProtected = isHidden(state, block);
      const key = keyOf(state, block);
      const isSecret = key?.holds === 'data' && key.digest === null;
      return {
        block,
        data: readProtected || isSecret ? null : toHex(bytes),
        corrected: state.errors[block]?.corrected ?? 0,
        failed: state.errors[block]?.failed ?? false,
        readProtected,
        writeProtected: isWriteProtected(state, efuse.blocks[block]?.lock),
      };
    }),
  };
}

/** What records keep: the chip's own names, in values that say what is. */
export function lockStates(state: EfuseState): Record<string, string> {
  const { efuse } = state;
  const on = (is: boolean) => (is ? 'on' : 'off');
  const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
  const states: Record<string, string> = {
    FLASH_ENCRYPTION: hex(onesOf(valueOf(state, efuse.encryption)) % 2),
    SECURE_BOOT: hex(all(state, efuse.switches.secureBoot) ? 1 : 0),
    JTAG_DISABLED: on(all(state, efuse.switches.jtag)),
    DOWNLOAD_DISABLED: on(all(state, efuse.switches.download)),
    WR_DIS: hex(valueOf(state, 'WR_DIS')),
    RD_DIS: hex(valueOf(state, 'RD_DIS')),
  };
  if (efuse.switches.secureDownload.length > 0)
    states['SECURE_DOWNLOAD'] = on(all(state, efuse.switches.secureDownload));
  for (const name of efuse.switches.revoke) states[name] = on(valueOf(state, name) === 1);
  for (const [slot, key] of efuse.keys.entries()) {
    const { digest, purpose } = keyView(state, key);
    if (digest !== null) states[`KEY${slot}`] = `${purpose} ${digest}`;
  }
  const mac = customMac(state);
  if (mac !== null) states['CUSTOM_MAC'] = mac;
  return states;
}

function keyOf(state: EfuseState, block: number): KeyView | undefined {
  const key = state.efuse.keys.find((each) => each.block === block);
  return key && keyView(state, key);
}

function keyView(state: EfuseState, { block, bit, size, purpose }: EspEfuse['keys'][number]): KeyView {
  const { efuse } = state;
  const value = purpose === undefined ? undefined : valueOf(state, purpose);
  const name = value === undefined ? 'SECURE_BOOT_DIGEST' : (efuse.purposes[value] ?? `purpose ${value}`);
  const data = (state.blocks[block] ?? new Uint8Array()).subarray(bit / 8, (bit + size) / 8);
  const readProtected = isHidden(state, block);
  const blank = data.every((byte) => byte === 0);
  const isDigest = name.startsWith('SECURE_BOOT_DIGEST');
  const revoke = efuse.switches.revoke[Number(name.at(-1))];
  return {
    block,
    purpose: name,
    holds: readProtected ? 'hidden' : blank ? 'nothing' : 'data',
    digest: isDigest && !readProtected && !blank ? toHex(data) : null,
    revoked: isDigest && revoke !== undefined && valueOf(state, revoke) === 1,
    readProtected,
    writeProtected: isWriteProtected(state, efuse.blocks[block]?.lock),
  };
}

function customMac(state: EfuseState): string | null {
  if (!hasField(state, 'CUSTOM_MAC')) return null;
  const bytes = fieldBytes(state, 'CUSTOM_MAC');
  if (bytes.every((byte) => byte === 0)) return null;
  return macText(bytes);
}

function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function all(state: EfuseState, names: readonly string[]): boolean {
  return names.length > 0 && names.every((name) => valueOf(state, name) !== 0);
}
