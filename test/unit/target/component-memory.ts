import { FlashlineError } from '#shared/model/failure.ts';
import { writeU32 } from '#shared/base/bytes.ts';

/** Component id registers as one number, the way Black Magic and others print them: PIDR4 in bits 39-32, PIDR3-0 below. */
export interface ModelComponent {
  readonly class: number;
  readonly pidr: bigint;
  readonly devarch?: number;
  readonly devid?: number;
  /** Words from the component's start. */
  readonly words?: readonly number[];
}

/** Memory that holds components and nothing else: every other page refuses. */
export class ComponentMemory {
  reads = 0;
  readonly #components: ReadonlyMap<number, ModelComponent>;

  constructor(components: Readonly<Record<number, ModelComponent>>) {
    this.#components = new Map(Object.entries(components).map(([at, component]) => [Number(at), component]));
  }

  readonly read = async (address: number, length: number): Promise<Uint8Array> => {
    this.reads++;
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) writeU32(bytes, at, this.word(address + at));
    return bytes;
  };

  word(address: number): number {
    const component = this.#components.get((address & 0xffff_f000) >>> 0);
    if (!component) throw new FlashlineError('target-fault', { params: { address: String(address) } });
    const offset = address & 0xfff;
    const byte = (shift: number) => Number((component.pidr >> BigInt(shift)) & 0xffn);
    if (offset >= 0xff0) return [0x0d, component.class << 4, 0x05, 0xb1][(offset - 0xff0) / 4] ?? 0;
    if (offset >= 0xfe0) return byte((offset - 0xfe0) * 2);
    if (offset === 0xfd0) return byte(32);
    if (offset === 0xfbc) return component.devarch ?? 0;
    if (offset === 0xfc8) return component.devid ?? 0;
    return component.words?.[offset / 4] ?? 0;
  }
}

/** An entry of a ROM table at `table` that points to `to`. */
export function entry(table: number, to: number): number {
  return (((to - table) & 0xffff_f000) | 3) >>> 0;
}
