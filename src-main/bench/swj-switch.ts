/** Who listens to the shared clock and data pins: the TAPs, the serial-wire ports, or nobody until an alert. */
export type Listening = 'jtag' | 'swd' | 'dormant';

/** Ones in a row that make a line reset (ADIv5.2 B4.3.3). */
const RESET_ONES = 50;

/** A fixed row of bits after at least `ones` ones. All that ADIv5.2 B5 knows begin with a zero. */
class Sequence {
  /** Ones that must go before. */
  readonly ones: number;
  readonly #bits: Uint8Array;
  readonly #length: number;
  #at = 0;

  /** `bits` lowest first. */
  constructor(ones: number, length: number, ...bits: number[]) {
    this.ones = ones;
    this.#length = length;
    this.#bits = Uint8Array.from(bits);
  }

  /** Some of its bits have come. */
  get begun(): boolean {
    return this.#at > 0;
  }

  /** `onesBefore`: ones in a row before this bit. True with the last bit of the sequence. */
  feed(bit: 0 | 1, onesBefore: number): boolean {
    if (this.#at === 0 && onesBefore < this.ones) return false;
    const expected = ((this.#bits[this.#at >> 3] ?? 0) >> (this.#at & 7)) & 1;
    if (bit === expected) this.#at++;
    else this.#at = bit === 0 && onesBefore >= this.ones ? 1 : 0;
    if (this.#at < this.#length) return false;
    this.#at = 0;
    return true;
  }

  restart(): void {
    this.#at = 0;
  }
}

/** 128 bits that no other traffic holds (ADIv5.2 B5.3.4), and the four zeros after them. */
const ALERT = [0x92, 0xf3, 0x09, 0x62, 0x95, 0x2d, 0x85, 0x86, 0xe9, 0xaf, 0xdd, 0xe3, 0xa2, 0x0e, 0xbc, 0x19] as const;

/** Of all the ways: no sequence begins after fewer. */
const FEWEST_ONES = 5;

interface Way {
  readonly to: Listening;
  readonly sequence: Sequence;
}

/** Lowest bit first; of the alert's ways the last 12 bits are four zeros and the activation code (ADIv5.2 B5.2, B5.3). */
function ways(dormantOnly: boolean): Record<Listening, readonly Way[]> {
  const jtagToSwd: Way = { to: 'swd', sequence: new Sequence(RESET_ONES, 16, 0x9e, 0xe7) };
  const swdToJtag: Way = { to: 'jtag', sequence: new Sequence(RESET_ONES, 16, 0x3c, 0xe7) };
  return {
    jtag: [jtagToSwd, { to: 'dormant', sequence: new Sequence(FEWEST_ONES, 31, 0xba, 0xbb, 0xbb, 0x33) }],
    swd: [...(dormantOnly ? [] : [swdToJtag]), { to: 'dormant', sequence: new Sequence(RESET_ONES, 16, 0xbc, 0xe3) }],
    dormant: [
      { to: 'swd', sequence: new Sequence(8, 140, ...ALERT, 0xa0, 0x01) },
      ...(dormantOnly ? [] : [{ to: 'jtag' as const, sequence: new Sequence(8, 140, ...ALERT, 0xa0, 0x00) }]),
    ],
  };
}

/**
 * Watches SWDIO/TMS for the sequences that hand the pins from one protocol to another (ADIv5.2 B5).
 * A port that has serial wire only and shares its wires (DPv2) sleeps until the alert, and knows no other way.
 */
export class SwjSwitch {
  readonly #ways: Record<Listening, readonly Way[]>;
  readonly #first: Listening;
  #listening: Listening;
  #ones = 0;
  /** A sequence is under way. */
  #begun = false;

  constructor(dormantOnly: boolean) {
    this.#ways = ways(dormantOnly);
    this.#first = dormantOnly ? 'dormant' : 'jtag';
    this.#listening = this.#first;
  }

  get listening(): Listening {
    return this.#listening;
  }

  powerOn(): void {
    this.interrupt();
    this.#listening = this.#first;
  }

  /** Other traffic went over the pins: no sequence is under way. */
  interrupt(): void {
    this.#ones = 0;
    if (!this.#begun) return;
    this.#begun = false;
    for (const { sequence } of this.#ways[this.#listening]) sequence.restart();
  }

  /** One bit of the host, null when it does not drive. Says what this bit completed. */
  feed(bit: 0 | 1 | null): 'line-reset' | 'held-reset' | 'switched' | 'nothing' {
    if (bit === null) {
      this.interrupt();
      return 'nothing';
    }
    const before = this.#ones;
    this.#ones = bit === 1 ? before + 1 : 0;
    // Most bits begin nothing and continue nothing.
    if (this.#begun || (bit === 0 && before >= FEWEST_ONES)) {
      this.#begun = false;
      for (const { to, sequence } of this.#ways[this.#listening]) {
        if (sequence.feed(bit, before)) {
          this.#begun = true;
          this.interrupt();
          this.#listening = to;
          return 'switched';
        }
        this.#begun ||= sequence.begun;
      }
    }
    if (this.#ones < RESET_ONES) return 'nothing';
    return this.#ones === RESET_ONES ? 'line-reset' : 'held-reset';
  }
}
