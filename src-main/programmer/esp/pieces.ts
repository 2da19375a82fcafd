import { createHash } from 'node:crypto';

/** What stands in the flash. */
export interface Piece {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** `proven`: the unit's digest has told it, and nothing changed since. */
export type Kept = Piece & { readonly proven: boolean };

/** A part of what a piece says. */
export interface Stretch {
  readonly piece: Kept;
  readonly from: number;
  readonly to: number;
}

/** What is known of the flash, so that nothing is hashed twice: pieces that the unit's digest proved, and such that were only written. */
export class Pieces {
  #kept: Kept[] = [];

  prove(piece: Piece): void {
    this.#put({ ...piece, proven: true });
  }

  write(piece: Piece): void {
    this.#put({ ...piece, proven: false });
  }

  /** Of a piece that is changed in part, the rest stands as it stood. */
  forget(address: number, size: number): void {
    const end = address + size;
    this.#kept = this.#kept.flatMap((piece) => {
      const ends = piece.address + piece.bytes.length;
      if (ends <= address || piece.address >= end) return [piece];
      const before = { ...piece, bytes: piece.bytes.subarray(0, Math.max(0, address - piece.address)) };
      const after = { ...piece, address: end, bytes: piece.bytes.subarray(Math.max(0, end - piece.address)) };
      return [before, ...(ends > end ? [after] : [])].filter(({ bytes }) => bytes.length > 0);
    });
  }

  /** Parts that make up the range without a gap, in order; undefined where there is one. */
  cover(address: number, length: number): Stretch[] | undefined {
    const end = address + length;
    const found: Stretch[] = [];
    let at = address;
    for (const piece of this.#kept.toSorted((a, b) => a.address - b.address)) {
      const to = Math.min(end, piece.address + piece.bytes.length);
      if (to <= at) continue;
      if (piece.address > at) return undefined;
      found.push({ piece, from: at, to });
      at = to;
      if (at === end) return found;
    }
    return undefined;
  }

  #put(piece: Kept): void {
    this.forget(piece.address, piece.bytes.length);
    this.#kept.push(piece);
  }
}

export function md5(...parts: readonly Uint8Array[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** What the stretches say, as one digest. */
export function md5Of(stretches: readonly Stretch[]): string {
  return md5(...stretches.map(({ piece, from, to }) => piece.bytes.subarray(from - piece.address, to - piece.address)));
}
