import type { SystemBoot } from '../../chip.ts';
import type { RomFaults } from './rom-faults.ts';
import type { RomFlash } from './rom-flash.ts';
import { holds, type RomKind } from './rom-kinds.ts';

/** What the ROM's program works through. Times in nanoseconds. */
export interface RomPort {
  readonly kind: RomKind;
  readonly faults: RomFaults;
  readonly system: SystemBoot;
  readonly flash: RomFlash;
  now(): number;
  /** Throws `SupplyFailed` where the supply does not last so long. */
  spend(until: number): void;
  send(bytes: readonly number[]): void;
}

/** The unit died of it. */
export class SupplyFailed extends Error {}

/** Waits for bytes; ends where the ROM's program does (a jump, a reset, something that never ends). */
type Program<T = void> = Generator<void, T, number>;

const ACK = 0x79;
const NACK = 0x1f;

/** Codes of AN3155, 3. */
type Handler = (port: RomPort) => Program<boolean> | boolean;
const HANDLERS: Readonly<Record<number, Handler>> = {
  0x00: get,
  0x01: getVersion,
  0x02: getId,
  0x11: read,
  0x21: go,
  0x31: write,
  0x44: extendedErase,
  0x63: writeProtect,
  0x73: writeUnprotect,
  0x82: readoutProtect,
  0x92: readoutUnprotect,
};

/** The protected chip's: what tells nothing of the firmware, and what lifts the protection (AN3155, 3). */
const OPEN_WHEN_PROTECTED = new Set([0x00, 0x01, 0x02, 0x92]);

/** The boot loader after its rate was measured. */
export function* romCommands(port: RomPort): Program {
  for (;;) {
    const code = yield;
    const complement = yield;
    const handler = port.kind.commands.includes(code) ? HANDLERS[code] : undefined;
    const refused = (code ^ complement) !== 0xff || !handler || port.faults.refuses();
    if (refused || (!OPEN_WHEN_PROTECTED.has(code) && port.flash.level(port.now()) > 0)) port.send([NACK]);
    else {
      const handled = handler(port);
      if (typeof handled === 'boolean' ? handled : yield* handled) return;
    }
  }
}

function get(port: RomPort): boolean {
  const { version, commands } = port.kind;
  port.send([ACK, commands.length, version, ...commands, ACK]);
  return false;
}

function getVersion(port: RomPort): boolean {
  port.send([ACK, port.kind.version, 0, 0, ACK]);
  return false;
}

function getId(port: RomPort): boolean {
  const { pid, otherPid } = port.kind;
  const id = port.faults.wrongPart ? otherPid : pid;
  port.send([ACK, 1, id >>> 8, id & 0xff, ACK]);
  return false;
}

function* read(port: RomPort): Program<boolean> {
  port.send([ACK]);
  const { flash, ram, readable } = port.kind;
  const address = yield* addressOf(port, [flash, ram, ...readable]);
  if (address === undefined) return false;
  const last = yield;
  if ((last ^ (yield)) !== 0xff) return refuse(port);
  const bytes = Array.from({ length: last + 1 }, (_, index) => byteAt(port, address + index));
  port.send([ACK, ...bytes]);
  return false;
}

function* go(port: RomPort): Program<boolean> {
  port.send([ACK]);
  const address = yield* addressOf(port, [port.kind.flash, port.kind.ram]);
  if (address === undefined) return false;
  port.send([ACK]);
  port.system.jump(address, port.now());
  return true;
}

/** Of a write into a protected sector nothing is said (AN3155, 3.6). */
function* write(port: RomPort): Program<boolean> {
  port.send([ACK]);
  const { flash, ram } = port.kind;
  const address = yield* addressOf(port, [flash, ram]);
  if (address === undefined) return false;
  const bytes = yield* checkedBytes();
  if (bytes === undefined) return refuse(port);
  if (port.faults.hangs()) return true;
  if (holds(flash, address)) port.spend(port.flash.write(address, Uint8Array.from(bytes), port.now()));
  else for (const [index, byte] of bytes.entries()) port.system.bus.write(address + index, 1, byte, port.now());
  port.send([ACK]);
  return false;
}

/** Of protected pages nothing is said either. */
function* extendedErase(port: RomPort): Program<boolean> {
  port.send([ACK]);
  const high = yield;
  const low = yield;
  const count = (high << 8) | low;
  if (count >= 0xfff0) {
    if ((yield) !== (high ^ low) || count !== 0xffff) return refuse(port);
    if (port.faults.hangs()) return true;
    port.spend(port.flash.massErase(port.now()));
    port.send([ACK]);
    return false;
  }
  const bytes: number[] = [];
  for (let index = 0; index < 2 * (count + 1); index++) bytes.push(yield);
  if ((yield) !== [high, low, ...bytes].reduce((sum, byte) => sum ^ byte, 0)) return refuse(port);
  if (port.faults.hangs()) return true;
  for (let index = 0; index < bytes.length; index += 2) {
    const end = port.flash.erase(((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0), port.now());
    if (end === false) return refuse(port);
    port.spend(end);
  }
  port.send([ACK]);
  return false;
}

function* writeProtect(port: RomPort): Program<boolean> {
  port.send([ACK]);
  const sectors = yield* checkedBytes();
  if (sectors === undefined) return refuse(port);
  port.spend(port.flash.setWriteProtection(sectors, port.now()));
  return thenReset(port);
}

function writeUnprotect(port: RomPort): boolean {
  port.send([ACK]);
  port.spend(port.flash.setWriteProtection(null, port.now()));
  return thenReset(port);
}

function readoutProtect(port: RomPort): boolean {
  port.send([ACK]);
  port.spend(port.flash.setReadout(true, port.now()));
  return thenReset(port);
}

function readoutUnprotect(port: RomPort): boolean {
  port.send([ACK]);
  port.spend(port.flash.setReadout(false, port.now()));
  return thenReset(port);
}

/** The option bytes count from the next reset on, which the ROM makes itself (AN3155, 3.8 to 3.11). */
function thenReset(port: RomPort): boolean {
  port.send([ACK]);
  port.system.reset(port.now());
  return true;
}

function refuse(port: RomPort): false {
  port.send([NACK]);
  return false;
}

/** Four bytes and their sum, answered at once; undefined where it was refused. */
function* addressOf(
  port: RomPort,
  ranges: readonly { readonly start: number; readonly size: number }[],
): Program<number | undefined> {
  let address = 0;
  let sum = 0;
  for (let index = 0; index < 4; index++) {
    const byte = yield;
    address = address * 256 + byte;
    sum ^= byte;
  }
  const good = (yield) === sum && ranges.some((range) => holds(range, address));
  port.send([good ? ACK : NACK]);
  return good ? address : undefined;
}

/** One less than their number, bytes, their sum; undefined where that is wrong. */
function* checkedBytes(): Program<number[] | undefined> {
  const last = yield;
  const bytes: number[] = [];
  for (let index = 0; index <= last; index++) bytes.push(yield);
  return (yield) === bytes.reduce((sum, byte) => sum ^ byte, last) ? bytes : undefined;
}

/** Behind the readable ranges there may be nothing: the ROM does not look, and the bus reads as zeros. */
function byteAt(port: RomPort, address: number): number {
  const { value, doneAt, fault } = port.system.bus.read((address & ~3) >>> 0, 4, port.now());
  port.spend(doneAt);
  const byte = fault ? 0 : (value >>> (8 * (address & 3))) & 0xff;
  const isSize = address === port.kind.sizeWord || address === port.kind.sizeWord + 1;
  return port.faults.wrongSize && isSize ? byte ^ 0x40 : byte;
}
