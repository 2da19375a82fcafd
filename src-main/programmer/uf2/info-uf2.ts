import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** INFO_UF2.TXT (github.com/microsoft/uf2, README "Files exposed by bootloaders"). */
export interface InfoUf2 {
  /** The boot loader's name and version: the first line. */
  readonly bootLoader: string;
  readonly model: string;
  /** Tokens between dashes, the chip's first: `SAMD21G18A-Zero-v0`. */
  readonly boardId: string;
}

/** Reads what every such file has; anything may follow. Undefined where it is no such file. */
export function parseInfoUf2(text: string): InfoUf2 | undefined {
  const [bootLoader = '', ...lines] = text.split(/\r?\n/u).map((line) => line.trim());
  const value = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const model = value('Model');
  const boardId = value('Board-ID');
  if (!bootLoader.startsWith('UF2') || model === undefined || boardId === undefined) return undefined;
  return { bootLoader, model, boardId };
}

/** Throws `wrong-chip` where the board is not what the chip's description expects. */
export function checkBoard(text: string, board: string, chip: ChipDescription): InfoUf2 {
  const info = parseInfoUf2(text);
  if (info && new RegExp(board, 'u').test(info.boardId)) return info;
  const found = info ? info.boardId : 'no INFO_UF2.TXT that says it';
  throw new FlashlineError('wrong-chip', { params: { expected: chip.name, register: 'Board-ID', found } });
}
