import { assertNever } from '#shared/base/assert-never.ts';
import { fromHex } from '#shared/base/bytes.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import { macCrc } from './coding.ts';
import { fieldOf } from './reader.ts';
import { type EfuseState, isHidden, isWriteProtected, lockOf } from './state.ts';

/** Bits of one block that a step wants: all those of `mask`, as `value` has them. */
export interface Want {
  readonly block: number;
  readonly mask: Uint8Array;
  readonly value: Uint8Array;
  /** The bit of WR_DIS that would keep them as they are. */
  readonly lock: number | undefined;
  /** Protects what other wants of the step burn: only behind them. */
  readonly last?: true;
}

/** What a step wants of a unit; undefined where its chip has nothing like it. */
export function wantsOf(operation: LockOperation, efuse: EspEfuse): Want[] | undefined {
  const { switches } = efuse;
  switch (operation.step) {
    case 'esp-key-digest':
      return digestWants(operation, efuse);
    case 'esp-custom-mac':
      return macWants(fromHex(operation.data ?? ''), efuse);
    case 'esp-revoke-digest':
      return bits(efuse, switches.revoke.slice(operation.use ?? 0).slice(0, 1));
    case 'esp-disable-jtag':
      return bits(efuse, switches.jtag);
    case 'esp-write-protect':
      return protection(efuse, 'WR_DIS', [lockOf(efuse, operation.field ?? '')]);
    case 'esp-read-protect':
      return protection(efuse, 'RD_DIS', efuse.blocks[Number(operation.field?.slice('BLOCK'.length))]?.hide ?? []);
    case 'esp-secure-boot':
      return bits(efuse, switches.secureBoot);
    case 'esp-secure-download':
      return bits(efuse, switches.secureDownload);
    case 'esp-disable-download':
      return bits(efuse, switches.download);
    case 'atecc-config':
    case 'atecc-data':
    case 'atecc-key':
    case 'atecc-slot':
    case 'block-protection':
    case 'quad-enable':
    case 'readout-protection':
    case 'write-protection':
      return undefined;
    default:
      return assertNever(operation.step, 'step');
  }
}

/** The digest, what it is for, and that neither changes any more: read by the ROM it stays readable. */
function digestWants({ slot = 0, use = 0, data = '' }: LockOperation, efuse: EspEfuse): Want[] | undefined {
  const key = efuse.keys[slot];
  if (!key) return undefined;
  const lock = efuse.blocks[key.block]?.lock;
  const digest = fromHex(data).subarray(0, key.size / 8);
  // A coded block is burnt once, and all of it.
  const value = new Uint8Array(32);
  value.set(digest, key.bit / 8);
  const wants: Want[] = [{ block: key.block, mask: new Uint8Array(32).fill(0xff), value, lock }];
  const kept: (number | undefined)[] = [lock];
  if (key.purpose === undefined) return use === 0 ? [...wants, ...protection(efuse, 'WR_DIS', kept)] : undefined;
  const purpose = Object.entries(efuse.purposes).find(([, name]) => name === `SECURE_BOOT_DIGEST${use}`);
  if (!purpose) return undefined;
  kept.push(fieldOf(efuse, key.purpose).lock);
  return [...wants, fieldWant(efuse, key.purpose, [Number(purpose[0])]), ...protection(efuse, 'WR_DIS', kept)];
}

/** The address in the order in which it is written down, unlike the factory's; with it what says that there is one. */
function macWants(mac: Uint8Array, efuse: EspEfuse): Want[] | undefined {
  const { crc, version, used } = efuse.customMac;
  const field = efuse.fields.find(({ name }) => name === 'CUSTOM_MAC');
  if (!field || mac.length !== 6) return undefined;
  const value = new Uint8Array(32);
  const mask = new Uint8Array(32);
  const put = (name: string, bytes: Uint8Array) => {
    value.set(bytes, fieldOf(efuse, name).bit / 8);
    mask.fill(0xff, fieldOf(efuse, name).bit / 8, fieldOf(efuse, name).bit / 8 + bytes.length);
  };
  put('CUSTOM_MAC', mac);
  if (crc !== undefined) put(crc, Uint8Array.of(macCrc(mac)));
  if (version !== undefined) put(version, Uint8Array.of(1));
  const lock = efuse.blocks[field.block]?.lock;
  const wants: Want[] = [{ block: field.block, mask, value, lock }];
  return used === undefined ? wants : [...wants, ...(bits(efuse, [used]) ?? [])];
}

function bits(efuse: EspEfuse, names: readonly string[]): Want[] | undefined {
  return names.length === 0 ? undefined : names.map((name) => fieldWant(efuse, name));
}

/** All its bits, or those of `value`. */
function fieldWant(efuse: EspEfuse, name: string, value?: readonly number[]): Want {
  const { block, bit, size, lock } = fieldOf(efuse, name);
  const mask = new Uint8Array(32);
  const wanted = new Uint8Array(32);
  for (let index = 0; index < size; index++) {
    const at = bit + index;
    mask[at >>> 3] = (mask[at >>> 3] ?? 0) | (1 << (at & 7));
    const one = value === undefined || (((value[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;
    if (one) wanted[at >>> 3] = (wanted[at >>> 3] ?? 0) | (1 << (at & 7));
  }
  return { block, mask, value: wanted, lock };
}

/** Some bits of WR_DIS or RD_DIS, the others as they are. */
function protection(efuse: EspEfuse, name: string, which: readonly (number | undefined)[]): Want[] {
  const { block, bit, lock } = fieldOf(efuse, name);
  const mask = new Uint8Array(32);
  for (const each of which) {
    if (each === undefined) continue;
    const at = bit + each;
    mask[at >>> 3] = (mask[at >>> 3] ?? 0) | (1 << (at & 7));
  }
  const last = name === 'WR_DIS' ? ({ last: true } as const) : {};
  return mask.some((byte) => byte !== 0) ? [{ block, mask, value: mask, lock, ...last }] : [];
}

/** Bits that are still to be burnt for it. */
export function missing({ block, mask, value }: Want, state: EfuseState): Uint8Array {
  const found = state.blocks[block] ?? new Uint8Array();
  return value.map((byte, at) => byte & (mask[at] ?? 0) & ~(found[at] ?? 0));
}

export function isMet(want: Want, state: EfuseState): boolean {
  if (state.errors[want.block]?.failed) return false;
  return !has(missing(want, state)) && !has(beyond(want, state));
}

/** Bits that are burnt and should not be: nothing takes them back. */
function beyond({ block, mask, value }: Want, state: EfuseState): Uint8Array {
  const found = state.blocks[block] ?? new Uint8Array();
  return mask.map((byte, at) => byte & (found[at] ?? 0) & ~(value[at] ?? 0));
}

/** Why it cannot be burnt, in words; undefined where it can, or is already. */
export function obstacle(want: Want, state: EfuseState): string | undefined {
  const name = `BLOCK${want.block}`;
  if (want.block > 0 && isHidden(state, want.block))
    return `${name} is read-protected: nobody could see what was burnt`;
  if (isMet(want, state)) return undefined;
  // A coded block is burnt once: there is no room beside what it holds.
  const isCoded = want.block > 0 && state.scheme !== 'none';
  if (has(beyond(isCoded ? { ...want, mask: new Uint8Array(32).fill(0xff) } : want, state))) {
    return want.block === 0 ? 'the field already holds something else' : `${name} already holds something else`;
  }
  if (isWriteProtected(state, want.lock)) return `it is write-protected (WR_DIS, bit ${want.lock})`;
  const room = state.scheme === '3/4' ? 24 : state.scheme === 'repeat' ? 16 : 32;
  if (want.block > 0 && want.value.some((byte, at) => at >= room && byte !== 0)) {
    return `${name} has room for ${room * 8} bits in the chip’s coding scheme (${state.scheme})`;
  }
  return undefined;
}

export function has(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte !== 0);
}
