import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { concat, wordsToBytes } from '#shared/base/bytes.ts';
import { sha256 } from '#test/support/sha256.ts';
import { ChipDescription } from '#shared/model/chip.ts';
import type { Faults } from '#main/bench/faults.ts';
import { EspBench, type EspBenchOptions, type EspPlugged } from '#main/bench/uart/esp/esp-bench.ts';
import { ADAPTER, SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';

export const ESP_CHIPS = ['esp32', 'esp32-s2', 'esp32-s3', 'esp32-c2', 'esp32-c3', 'esp32-c6', 'esp32-h2'] as const;

const described = new Map<string, ChipDescription>();

export function espChip(id: string): ChipDescription {
  const known = described.get(id);
  if (known) return known;
  const text = readFileSync(new URL(`../../resources/chips/${id}.yaml`, import.meta.url), 'utf8');
  const chip = ChipDescription.parse(parse(text));
  described.set(id, chip);
  return chip;
}

/** A unit on a serial adapter, and the bench that finds it again. */
export class EspLine {
  readonly chip: ChipDescription;
  readonly #bench: EspBench;
  #plugged: EspPlugged | undefined;

  constructor(chip = 'esp32', options: Partial<EspBenchOptions> = {}) {
    this.chip = espChip(chip);
    this.#bench = new EspBench({ startAt: () => 0, seed: 1, ...options });
  }

  plug(faults: Faults = [], serial = 'A'): { readonly link: SerialBenchLink; readonly unit: EspPlugged } {
    const unit = this.#bench.plugIn(this.chip, serial, { faults, strapped: false });
    this.#plugged = unit;
    const { clock, device, faults: plan } = unit;
    return {
      link: new SerialBenchLink({ url: 'uart:test', clock, device, adapter: ADAPTER, faults: plan, pace: undefined }),
      unit,
    };
  }

  get unit(): EspPlugged {
    if (!this.#plugged) throw new Error('nothing is plugged in');
    return this.#plugged;
  }

  get io() {
    return { clock: this.unit.clock, signal: new AbortController().signal };
  }
}

export interface Revisions {
  readonly min: number;
  readonly max: number;
}

/** An image that the ROM starts: one segment in RAM, checksum and SHA-256 behind it. */
export function espImage(
  chipId: number,
  content: Uint8Array,
  { min, max }: Revisions = { min: 0, max: 0 },
): Uint8Array {
  const body = concat([content, new Uint8Array((4 - (content.length % 4)) % 4)]);
  const header = Uint8Array.of(
    0xe9,
    1,
    2,
    0x20,
    0,
    0,
    8,
    0x40,
    0xee,
    0,
    0,
    0,
    chipId & 0xff,
    chipId >> 8,
    ...Array.from({ length: 10 }, () => 0),
    1,
  );
  header.set([min & 0xff, min >> 8, max & 0xff, max >> 8], 15);
  const head = concat([header.subarray(0, 23), Uint8Array.of(1), wordsToBytes([0x40080000, body.length])]);
  const length = head.length + body.length;
  const padded = new Uint8Array(length + 16 - (length % 16));
  padded.set(head);
  padded.set(body, head.length);
  padded[padded.length - 1] = body.reduce((sum, byte) => sum ^ byte, 0xef);
  return concat([padded, sha256(padded)]);
}

/** Compresses to some 0.63 of its size, as compiled code does: words that recur among words that do not. */
export function firmware(size: number, seed: number): Uint8Array {
  const out = new Uint8Array(size);
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const words = Array.from({ length: 512 }, () => next());
  for (let at = 0; at + 4 <= size; at += 4) {
    const roll = next();
    const word = roll % 100 < 36 ? next() : (words[roll % 512] ?? 0);
    out.set(wordsToBytes([word]), at);
  }
  return out;
}
