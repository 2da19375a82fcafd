import type { Prng } from '../../prng.ts';
import { usToNs } from '../../virtual-clock.ts';
import { privateKeyOf, publicKeyOf, signDigest, verifyDigest } from './p256.ts';
import { EXECUTION, OK, PARSE, Zones } from './zones.ts';

/** A command as it arrived, its CRC already checked. */
export interface Request {
  readonly opcode: number;
  readonly param1: number;
  readonly param2: number;
  readonly data: Uint8Array;
}

/** What a command is going to do. */
export interface Work {
  readonly ns: number;
  /** At its end. The answer's content: data, or a status. */
  readonly finish: () => Uint8Array | number;
  /** The supply fails in the middle of it. */
  readonly tear?: () => void;
}

/** Typical times in milliseconds (DS20005927A, table 9-4). */
const TYPICAL_MS: Readonly<Record<number, number>> = {
  0x02: 0.1,
  0x12: 7,
  0x16: 0.1,
  0x17: 8,
  0x1b: 1,
  0x24: 5,
  0x30: 0.1,
  0x40: 11,
  0x41: 42,
  0x45: 38,
};
const FAILED_MS = 0.1;
const MISCOMPARE = 0x01;
const SUMMARY_POLYNOMIAL = 0x8005;

/** The CRC of packets and summaries, by the table's way round (DS20005927A, 9.1.2). */
export function elementCrc(bytes: Uint8Array): number {
  let register = 0;
  for (const byte of bytes) {
    for (let mask = 1; mask < 0x100; mask <<= 1) {
      const dataBit = byte & mask ? 1 : 0;
      const crcBit = register >> 15;
      register = (register << 1) & 0xffff;
      if (dataBit !== crcBit) register ^= SUMMARY_POLYNOMIAL;
    }
  }
  return register;
}

/** What the element's commands work on. */
export interface Element {
  readonly zones: Zones;
  readonly dice: Prng;
  readonly revision: () => Uint8Array;
  readonly refusesLocks: () => boolean;
  /** Volatile; null when nothing was put in since it slept. */
  tempKey: Uint8Array | null;
}

export function workOf(element: Element, request: Request): Work {
  const { opcode } = request;
  const ns = usToNs((TYPICAL_MS[opcode] ?? FAILED_MS) * 1000);
  const does = COMMANDS[opcode]?.(element, request) ?? PARSE;
  if (typeof does === 'number') return { ns: usToNs(FAILED_MS * 1000), finish: () => does };
  return { ns, ...does };
}

type Outcome = Omit<Work, 'ns'> | number;

const COMMANDS: Readonly<Record<number, (element: Element, request: Request) => Outcome>> = {
  0x02: ({ zones }, { param1, param2 }) => ({ finish: () => zones.read(param1, param2) }),
  0x12: write,
  0x16: nonce,
  0x17: lock,
  0x1b: ({ zones, dice }) => ({ finish: () => random(zones, dice) }),
  0x24: ({ zones }, { param1, param2 }) => (param1 === 0 && param2 < 2 ? counter(zones, param2) : PARSE),
  0x30: ({ revision }, { param1 }) => (param1 === 0 ? { finish: revision } : PARSE),
  0x40: generateKey,
  0x41: sign,
  0x45: verify,
};

function write({ zones, dice }: Element, { param1, param2, data }: Request): Outcome {
  // Bit 6: encrypted input, which this model does not have.
  if (param1 & 0x40) return PARSE;
  const place = zones.writable(param1, param2, data);
  if (typeof place === 'number') return place;
  const { bytes, offset } = place;
  return {
    finish: () => {
      bytes.set(data, offset);
      return OK;
    },
    tear: () => Zones.tear(bytes, offset, data, dice),
  };
}

function lock({ zones, dice, refusesLocks }: Element, { param1, param2 }: Request): Outcome {
  if (refusesLocks() || !zones.lockable(param1, param2, elementCrc)) return EXECUTION;
  return {
    finish: () => {
      zones.lock(param1);
      return OK;
    },
    // One byte of the EEPROM: it took, or it did not.
    tear: () => {
      if (dice.next() & 1) zones.lock(param1);
    },
  };
}

function random(zones: Zones, dice: Prng): Uint8Array {
  const out = new Uint8Array(32);
  // Before the configuration is locked the generator tells a pattern (DS20005927A, 9.14).
  if (!zones.configLocked) return out.map((_, index) => (index % 4 < 2 ? 0xff : 0x00));
  dice.scramble(out);
  return out;
}

function counter({ config }: Zones, which: number): Outcome {
  // Both count in a code of their own; from the factory they stand at 0.
  return { finish: () => new Uint8Array(config.subarray(56 + 8 * which, 60 + 8 * which)) };
}

function nonce(element: Element, { param1, data }: Request): Outcome {
  if (param1 !== 0x03 || data.length !== 32) return PARSE;
  if (!element.zones.configLocked) return EXECUTION;
  return {
    finish: () => {
      element.tempKey = data.slice();
      return OK;
    },
  };
}

function generateKey({ zones, dice }: Element, { param1, param2: slot }: Request): Outcome {
  if (slot > 15 || (param1 !== 0x00 && param1 !== 0x04)) return PARSE;
  if (param1 === 0x00) {
    const key = zones.keys.get(slot);
    return zones.configLocked && zones.isPrivateKey(slot) && key ? { finish: () => publicKeyOf(key) } : EXECUTION;
  }
  if (!zones.mayGenerate(slot)) return EXECUTION;
  return {
    finish: () => {
      const key = privateKeyOf(drawn(dice));
      zones.keys.set(slot, key);
      return publicKeyOf(key);
    },
    tear: () => void zones.keys.delete(slot),
  };
}

function sign({ zones, dice, tempKey }: Element, { param1, param2: slot }: Request): Outcome {
  const key = zones.keys.get(slot);
  const allowed = zones.configLocked && zones.isPrivateKey(slot) && (zones.slotConfig(slot) & 1) === 1;
  if (param1 !== 0x80) return PARSE;
  if (!key || !tempKey || !allowed) return EXECUTION;
  return { finish: () => signDigest(key, tempKey, privateKeyOf(drawn(dice))) };
}

function verify({ tempKey }: Element, { param1, param2, data }: Request): Outcome {
  if (param1 !== 0x02 || param2 !== 0x0004 || data.length !== 128) return PARSE;
  if (!tempKey) return EXECUTION;
  return { finish: () => (verifyDigest(data.subarray(64), tempKey, data.subarray(0, 64)) ? OK : MISCOMPARE) };
}

function drawn(dice: Prng): Uint8Array {
  const out = new Uint8Array(32);
  dice.scramble(out);
  return out;
}
