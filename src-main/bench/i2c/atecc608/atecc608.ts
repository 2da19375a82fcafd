import { readU32 } from '#shared/base/bytes.ts';
import { faultsOf, type Faults } from '../../faults.ts';
import { Prng } from '../../prng.ts';
import { usToNs } from '../../virtual-clock.ts';
import type { I2cChip } from '../i2c-chip.ts';
import { type Element, elementCrc, type Request, type Work, workOf } from './commands.ts';
import { Zones } from './zones.ts';

/** How long SDA must be low to wake it (tWLO, 60 us). */
const WAKE_LOW_NS = usToNs(60);
/** From the wake pulse to the first command (DS40001977: tWHI, 1500 us). */
const WAKE_NS = usToNs(1500);
/** Asleep this long after its wake, come what may (DS20005927A, table 8-2: tWATCHDOG, typical). */
const WATCHDOG_NS = usToNs(1_300_000);
const AFTER_WAKE = 0x11;
const WATCHDOG_SOON = 0xee;
const COMMUNICATION = 0xff;
/** Word address, and the longest command. */
const INPUT_BYTES = 156;

interface Busy {
  readonly work: Work;
  readonly until: number;
}

/**
 * An ATECC608B on its I2C bus, byte by byte (DS20005927A, 7): asleep until SDA is held low, busy while a command runs,
 * asleep again when it is told to or when its watchdog ends. EEPROM and keys stay for its life.
 */
export class Atecc608 implements I2cChip {
  readonly zones: Zones;
  /** Commands that it took in, since it was made: what faults count by. */
  commands = 0;
  readonly #element: Element;
  #faults: Faults = [];
  #faultsSince = 0;
  #spoiled = 0;
  #state: 'off' | 'asleep' | 'idle' | 'awake' = 'asleep';
  /** When the watchdog ends it, and when it first answers. */
  #wakeEnds = 0;
  #readyAt = 0;
  #i2cAddress: number;
  #busy: Busy | null = null;
  #input: number[] | null = null;
  #output = new Uint8Array();
  #outputAt = 0;

  /** `seed`: 12 bytes or more, which decide the serial and every key. */
  constructor(seed: Uint8Array) {
    this.zones = new Zones(seed);
    this.#element = {
      zones: this.zones,
      dice: new Prng(readU32(seed, 8)),
      revision: () => this.#revision(),
      refusesLocks: () => this.#has('lock-refused'),
      tempKey: null,
    };
    this.#i2cAddress = this.#configuredAddress();
  }

  /** `after` counts commands from now. */
  connected(faults: Faults): void {
    this.#faults = faults;
    this.#faultsSince = this.commands;
    this.#spoiled = 0;
  }

  /** Somebody locked its zones before, as they were. */
  protect(): void {
    this.zones.config[87] = 0;
    this.zones.config[86] = 0;
  }

  address(address: number, direction: 'read' | 'write', at: number): boolean {
    this.#live(at);
    this.#input = null;
    if (this.#state !== 'awake' || address !== this.#i2cAddress || this.#busy || at < this.#readyAt) return false;
    if (direction === 'write') this.#input = [];
    return true;
  }

  write(byte: number, at: number): boolean {
    this.#live(at);
    if (!this.#input || this.#input.length === INPUT_BYTES) return false;
    this.#input.push(byte);
    return true;
  }

  read(at: number): number {
    this.#live(at);
    if (this.#state !== 'awake') return 0xff;
    const index = this.#outputAt++;
    return (this.#output[index] ?? 0xff) ^ (index === this.#output.length - 1 ? this.#noise() : 0);
  }

  stop(at: number): void {
    this.#live(at);
    const input = this.#input;
    this.#input = null;
    const [wordAddress, ...bytes] = input ?? [];
    if (wordAddress === 0x00) this.#outputAt = 0;
    else if (wordAddress === 0x01) this.#sleep();
    else if (wordAddress === 0x02) this.#state = 'idle';
    else if (wordAddress === 0x03) this.#take(Uint8Array.from(bytes), at);
  }

  sdaLow(ns: number, at: number): void {
    this.#live(at);
    if (ns >= WAKE_LOW_NS) this.#wake(at);
  }

  powerCycle(at: number): void {
    this.powerCut(at);
    this.#state = 'asleep';
  }

  powerCut(at: number): void {
    this.#live(at);
    this.#busy?.work.tear?.();
    this.#sleep();
    this.#state = 'off';
  }

  /** What ended by `at`. */
  #live(at: number): void {
    if (this.#busy && at >= this.#busy.until) {
      const { work } = this.#busy;
      this.#busy = null;
      this.#answer(work.finish());
    }
    if (this.#state === 'awake' && at >= this.#wakeEnds) this.#sleep();
  }

  #wake(at: number): void {
    if (this.#state === 'off' || this.#state === 'awake') return;
    this.#state = 'awake';
    this.#wakeEnds = at + WATCHDOG_NS;
    this.#readyAt = at + WAKE_NS;
    this.#answer(AFTER_WAKE);
  }

  /** TempKey and whatever was under way are lost; a new I2C address counts from here. */
  #sleep(): void {
    this.#state = 'asleep';
    this.#busy = null;
    this.#input = null;
    this.#output = new Uint8Array();
    this.#element.tempKey = null;
    this.#i2cAddress = this.#configuredAddress();
  }

  #take(bytes: Uint8Array, at: number): void {
    const count = bytes[0] ?? 0;
    const index = this.commands++ - this.#faultsSince;
    const crc = (bytes[count - 2] ?? 0) | ((bytes[count - 1] ?? 0) << 8);
    const whole = count >= 7 && count <= bytes.length && crc === elementCrc(bytes.subarray(0, count - 2));
    if (!whole) {
      this.#answer(COMMUNICATION);
      return;
    }
    const param2 = (bytes[3] ?? 0) | ((bytes[4] ?? 0) << 8);
    const data = bytes.slice(5, count - 2);
    const request: Request = { opcode: bytes[1] ?? 0, param1: bytes[2] ?? 0, param2, data };
    const work = workOf(this.#element, request);
    if (faultsOf(this.#faults, 'never-ready').some(({ after }) => index >= after)) {
      this.#busy = { work, until: Infinity };
    } else if (at + work.ns >= this.#wakeEnds) {
      this.#answer(WATCHDOG_SOON);
    } else {
      this.#busy = { work, until: at + work.ns };
    }
  }

  #answer(content: Uint8Array | number): void {
    const bytes = typeof content === 'number' ? Uint8Array.of(content) : content;
    const out = new Uint8Array(bytes.length + 3);
    out[0] = out.length;
    out.set(bytes, 1);
    const crc = elementCrc(out.subarray(0, -2));
    out.set([crc & 0xff, crc >>> 8], out.length - 2);
    this.#output = out;
    this.#outputAt = 0;
  }

  /** What the wire makes of the last byte of an answer; the chip's own buffer stays as it is. */
  #noise(): number {
    const index = this.commands - 1 - this.#faultsSince;
    const due = faultsOf(this.#faults, 'bad-crc').some(
      ({ after, times = Infinity }) => index >= after && this.#spoiled < times,
    );
    if (due) this.#spoiled++;
    return due ? 0x01 : 0x00;
  }

  #has(kind: 'lock-refused' | 'wrong-chip'): boolean {
    return faultsOf(this.#faults, kind).length > 0;
  }

  #revision(): Uint8Array {
    const revision = this.zones.config.slice(4, 8);
    if (this.#has('wrong-chip')) revision[2] = 0x50;
    return revision;
  }

  #configuredAddress(): number {
    return (this.zones.config[16] ?? 0) >>> 1;
  }
}
