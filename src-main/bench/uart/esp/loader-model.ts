import { createHash } from 'node:crypto';
import { concat, readU32, toHex, wordsToBytes } from '#shared/base/bytes.ts';
import { usToNs } from '../../virtual-clock.ts';
import { checksumOf, type Command, response } from './frames.ts';
import { FlashWrite } from './flash-write.ts';
import { type NorFlash, SECTOR } from './nor-flash.ts';
import type { EspPart } from './parts.ts';
import type { EspRegisters } from './registers.ts';

/** A command is looked at. */
const THINK_NS = usToNs(20);
/** MD5 in the ROM's C code, some 12 cycles a byte, of an ESP32 at the 160 MHz that the stub sets; reading comes on top. */
const MD5_NS = 75;

/** What a command leads to. Times in nanoseconds. */
export interface Done {
  /** Frames, each with the moment that it is sent. */
  readonly answers: readonly { readonly at: number; readonly payload: Uint8Array }[];
  /** When the next command is looked at. */
  readonly freeAt: number;
  readonly baud?: number;
  /** Code that was put into RAM is jumped to. */
  readonly jump?: number;
}

/** What the eFuses said at the last start. */
export interface EspSecurity {
  /** Of GET_SECURITY_INFO: bit 0 secure boot, 1 aggressive revocation, 2 secure download mode, 3 to 5 revoked keys. */
  readonly flags: number;
  readonly secureDownload: boolean;
  /** Starts its firmware whatever IO0 says. */
  readonly noDownload: boolean;
  readonly encryptionCount: number;
  readonly purposes: readonly number[];
}

export interface LoaderParts {
  readonly isStub: boolean;
  readonly part: EspPart;
  readonly flash: NorFlash;
  readonly registers: EspRegisters;
  readonly security: EspSecurity;
}

/** Reasons of the ROM, and of the stub for the same. */
const REASONS = {
  invalid: [0x05, 0xc3],
  length: [0x05, 0xc0],
  failed: [0x06, 0xc6],
  checksum: [0x07, 0xc1],
  inflate: [0x0b, 0xc7],
  'too-much': [0x06, 0xc9],
  unsupported: [0x05, 0xff],
} as const;
type Reason = keyof typeof REASONS;

/** In secure download mode the ROM answers these alone (esptool documentation, Secure Download Mode). */
const WHEN_SECURE = new Set([0x02, 0x03, 0x04, 0x08, 0x0b, 0x0d, 0x0f, 0x10, 0x11, 0x12, 0x14]);

interface Reading {
  readonly address: number;
  readonly size: number;
  readonly packet: number;
  sent: number;
}

/** The loader in the ROM, or Espressif's stub: the same commands, answered and timed differently. */
export class LoaderModel {
  readonly #parts: LoaderParts;
  #write: FlashWrite | undefined;
  #ram: { left: number; at: number } | undefined;
  readonly #loaded: { readonly address: number; readonly size: number }[] = [];
  #attached: boolean;
  /** READ_FLASH under way: what is still to be acknowledged. */
  #reading: Reading | undefined;
  /** The stub writes after it has answered: what goes wrong then, the next answer tells. */
  #late: Reason | undefined;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
    this.#attached = parts.isStub;
  }

  get reading(): boolean {
    return this.#reading !== undefined;
  }

  carry(command: Command, at: number): Done {
    const now = at + THINK_NS;
    const { isStub, security } = this.#parts;
    if (isStub && this.#late) {
      const reason = this.#late;
      this.#late = undefined;
      return this.#refuse(command.op, reason, now);
    }
    if (security.secureDownload && !WHEN_SECURE.has(command.op)) return this.#refuse(command.op, 'invalid', now);
    return this.#dispatch(command, now);
  }

  /** A frame of four bytes while READ_FLASH is under way: how much has arrived over there. */
  acknowledge(frame: Uint8Array, at: number): Done {
    const reading = this.#reading;
    if (!reading || frame.length !== 4) {
      this.#reading = undefined;
      return { answers: [], freeAt: at };
    }
    if (reading.sent < reading.size) return this.#packet(reading, [], at);
    this.#reading = undefined;
    const whole = this.#parts.flash.read(reading.address, reading.size, at);
    const md5 = createHash('md5').update(whole.bytes).digest();
    return { answers: [{ at: at + THINK_NS, payload: md5 }], freeAt: at + THINK_NS };
  }

  #dispatch({ op, checksum, data }: Command, now: number): Done {
    const word = (index: number) => (data.length >= index * 4 + 4 ? readU32(data, index * 4) : 0);
    const { registers, isStub } = this.#parts;
    switch (op) {
      case 0x02:
      case 0x10:
        return this.#begin(op, word, data.length, now);
      case 0x03:
      case 0x07:
      case 0x11:
        return this.#block(op, data, checksum, now);
      case 0x04:
      case 0x12:
        return this.#end(op, now);
      case 0x05:
        this.#ram = { left: word(0), at: word(3) };
        if (!this.#isRam(word(3), word(0))) return this.#refuse(op, 'failed', now);
        this.#loaded.push({ address: word(3), size: word(0) });
        return this.#ok(op, now);
      case 0x06:
        return this.#jump(op, word(0), word(1), now);
      case 0x08:
        return this.#sync(op, now);
      case 0x09:
        for (let row = 0; row * 4 < data.length / 4; row++)
          registers.write(word(row * 4), word(row * 4 + 1), word(row * 4 + 2), now);
        return this.#ok(op, now);
      case 0x0a:
        return this.#ok(op, now, registers.read(word(0), now));
      case 0x0b:
        return data.length === 24 ? this.#ok(op, now) : this.#refuse(op, 'length', now);
      case 0x0d:
        if (data.length !== (isStub ? 4 : 8) && data.length !== 4) return this.#refuse(op, 'length', now);
        this.#attached = true;
        return this.#ok(op, now);
      case 0x0f:
        return { ...this.#ok(op, now), baud: word(0) };
      case 0x13:
        return this.#md5(op, word(0), word(1), now);
      case 0x14:
        return this.#securityInfo(op, now);
      default:
        return isStub ? this.#stubOnly(op, word, now) : this.#refuse(op, 'invalid', now);
    }
  }

  #stubOnly(op: number, word: (index: number) => number, now: number): Done {
    const { flash } = this.#parts;
    if (op === 0xd0) {
      const write = new FlashWrite(flash, { address: 0, size: flash.bytes.length, blocks: 0 });
      return this.#ok(op, write.eraseAll(now));
    }
    if (op === 0xd1) {
      if (word(0) % SECTOR !== 0 || word(1) % SECTOR !== 0) return this.#refuse(op, 'length', now);
      const write = new FlashWrite(flash, { address: word(0), size: word(1), blocks: 0 });
      return this.#ok(op, write.eraseAll(now));
    }
    if (op !== 0xd2) return this.#refuse(op, 'invalid', now);
    const reading = { address: word(0), size: word(1), packet: word(2), sent: 0 };
    if (reading.packet > 4096) return this.#refuse(op, 'length', now);
    this.#reading = reading;
    const { answers } = this.#ok(op, now);
    return this.#packet(reading, answers, now);
  }

  #packet(reading: Reading, before: Done['answers'], now: number): Done {
    const size = Math.min(reading.packet, reading.size - reading.sent);
    const { bytes, end } = this.#parts.flash.read(reading.address + reading.sent, size, now);
    reading.sent += size;
    const at = end + size * MD5_NS;
    return { answers: [...before, { at, payload: bytes }], freeAt: at };
  }

  #begin(op: number, word: (index: number) => number, length: number, now: number): Done {
    const { flash, isStub } = this.#parts;
    if (!this.#attached) return this.#refuse(op, 'failed', now);
    if (length !== 16 && length !== 20) return this.#refuse(op, 'length', now);
    this.#write = new FlashWrite(flash, { address: word(3), size: word(0), blocks: word(1) });
    if (!isStub) return this.#ok(op, this.#write.eraseAll(now));
    return this.#ok(op, this.#write.eraseAhead(now));
  }

  #block(op: number, data: Uint8Array, checksum: number, now: number): Done {
    const { isStub } = this.#parts;
    const block = data.subarray(16);
    if (data.length < 16 || readU32(data, 0) !== block.length) return this.#refuse(op, 'length', now);
    if ((checksum & 0xff) !== checksumOf(block)) return this.#refuse(op, 'checksum', now);
    if (op === 0x07) {
      if (!this.#ram || this.#ram.left < block.length) return this.#refuse(op, 'failed', now);
      this.#ram.left -= block.length;
      return this.#ok(op, now);
    }
    if (!this.#write) return this.#refuse(op, 'failed', now);
    if (this.#write.left === 0) return this.#refuse(op, 'too-much', now);
    const { outcome, end } =
      op === 0x11 ? this.#write.packed(block, now) : { outcome: 'ok', end: this.#write.plain(block, now) };
    const reason: Reason | undefined =
      outcome === 'inflate-error' ? 'inflate' : outcome === 'too-much' ? 'too-much' : undefined;
    if (!isStub) return reason ? this.#refuse(op, reason, end) : this.#ok(op, end);
    // The stub answers first, and writes while the next block comes in.
    this.#late = reason;
    return { answers: this.#ok(op, now).answers, freeAt: end };
  }

  #end(op: number, now: number): Done {
    const whole = this.#write?.left === 0;
    if (!this.#write) return this.#refuse(op, 'failed', now);
    if (!whole) return this.#refuse(op, 'length', now);
    this.#write = undefined;
    return this.#ok(op, Math.max(now, this.#parts.flash.busyUntil));
  }

  #jump(op: number, stay: number, entry: number, now: number): Done {
    const done = this.#ok(op, now);
    if (stay !== 0) return done;
    // Only whole code that was really loaded runs.
    const whole = this.#ram?.left === 0;
    const known = this.#loaded.some(({ address, size }) => entry >= address && entry < address + size);
    return whole && known ? { ...done, jump: entry } : { answers: done.answers, freeAt: Infinity };
  }

  #sync(op: number, now: number): Done {
    const answers = Array.from({ length: 8 }, () => {
      const value = this.#parts.isStub ? 0 : 0x2012_0707;
      return { at: now, payload: response(op, value, new Uint8Array(), this.#status()) };
    });
    return { answers, freeAt: now };
  }

  #md5(op: number, address: number, size: number, now: number): Done {
    const { flash, isStub } = this.#parts;
    const { bytes, end } = flash.read(address, size, now);
    const digest = createHash('md5').update(bytes).digest();
    const data = isStub ? digest : Buffer.from(toHex(digest), 'latin1');
    return this.#ok(op, end + size * MD5_NS, 0, data);
  }

  /** Flags, counter, 7 key purposes; then chip id and version. */
  #securityInfo(op: number, now: number): Done {
    const { part, security } = this.#parts;
    if (part.security === 'none') return this.#refuse(op, 'unsupported', now);
    const { flags, encryptionCount, purposes } = security;
    const keys = Array.from({ length: 7 }, (_, index) => purposes[index] ?? 0);
    const head = [wordsToBytes([flags]), Uint8Array.of(encryptionCount, ...keys)];
    const data = concat(part.security === 'flags' ? head : [...head, wordsToBytes([part.chipId, 0])]);
    return this.#ok(op, now, 0, data);
  }

  #isRam(address: number, size: number): boolean {
    return this.#parts.part.ram.some(([from, to]) => address >= from && address + size <= to);
  }

  #ok(op: number, at: number, value = 0, data: Uint8Array = new Uint8Array()): Done {
    return { answers: [{ at, payload: response(op, value, data, this.#status()) }], freeAt: at };
  }

  #refuse(op: number, reason: Reason, at: number): Done {
    const [rom, stub] = REASONS[reason];
    const status = this.#parts.isStub ? [stub, 0] : [1, rom, 0, 0];
    return { answers: [{ at, payload: response(op, 0, new Uint8Array(), status) }], freeAt: at };
  }

  #status(): number[] {
    return this.#parts.isStub ? [0, 0] : [0, 0, 0, 0];
  }
}
