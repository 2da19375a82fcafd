import { isFilledWith } from '#shared/base/bytes.ts';
import { ChipDescription } from '#shared/model/chip.ts';
import type { Plan } from '#shared/model/plan.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { addChecksumBlock, type AddressRange } from '#main/image/add-checksum-block.ts';
import type { Segment } from '#main/image/image.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import type { Outcome } from '#main/programmer/carry-out-input.ts';
import type { Engine } from '#main/station/engine.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import { ioWith } from '../programmer/array-flash.ts';
import { PageFlash } from '../programmer/page-flash.ts';

/** Rows of 256 bytes, the block behind the vectors: a SAM D21 with as many rows as are asked for. */
export function chipOf(
  pages: number,
  more: { readonly page?: number; readonly position?: number } = {},
): ChipDescription {
  const { page = 256, position = 0xb4 } = more;
  const cost = { page, word: 4, erased: 0xff, zeroable: true, eraseMs: 6, wordUs: 150 };
  return ChipDescription.parse({
    schema: 1,
    id: 'pages',
    name: 'Pages',
    source: 'made for tests',
    memories: [{ kind: 'flash', name: 'flash', start: 0, size: pages * page, ...cost }],
    boot: { vectors: 0 },
    checksumBlock: { position },
  });
}

export function imageOf(...segments: readonly Segment[]): ReleaseImage {
  return { role: 'application', version: '1', file: 'a.hex', image: { format: 'ihex', segments } };
}

export interface Program {
  readonly pages: number;
  /** Page numbers: from, and the first that is not in it any more. */
  readonly regions: readonly (readonly [number, number])[];
  readonly seed?: number;
  /** Seeds of single pages. */
  readonly changed?: Readonly<Record<number, number>>;
}

/** A program whose pages hold what their seeds say, with a block: its marker is the last word of its last page. */
export function programOf(chip: ChipDescription, { pages, regions, seed = 1, changed = {} }: Program): Segment[] {
  const [memory] = chip.memories;
  const position = chip.checksumBlock?.position ?? 0;
  if (memory?.kind !== 'flash') throw new TypeError('no flash');
  const { page } = memory;
  const data = new Uint8Array(pages * page);
  for (let at = 0; at < data.length; at++) {
    const number = Math.floor(at / page);
    data[at] = ((Math.imul(at + 1, 2_654_435_761) >>> 19) + (changed[number] ?? seed) * 37) & 0x7f;
  }
  data.fill(0xff, position, page);
  data.fill(0xff, data.length - 4);
  const ranges = regions.map(([from, to]): AddressRange => ({ address: from * page, size: (to - from) * page }));
  const options = { position, memory, frequent: false, mayGrow: true, markerAt: data.length - 4, regions: ranges };
  return addChecksumBlock({ segments: [{ address: 0, data }], ...options }).segments;
}

const RECIPE = Recipe.parse({
  schema: 1,
  product: { id: 'pages', revision: 'A', name: 'Pages' },
  chip: 'pages',
  interface: 'swd',
  images: [{ role: 'application', file: 'a.hex', version: '1' }],
  serial: { pattern: '^.*$' },
});

export function engineOf(chip: ChipDescription, images: readonly ReleaseImage[]): Engine {
  const layout = layOut(chip, images);
  const release = {
    recipe: RECIPE,
    chip,
    images,
    digest: '0'.repeat(64),
    layout,
    contents: layout.contents,
    signers: new Map(),
    unitKeys: new Map(),
    issuer: null,
    perUnit: null,
  };
  return releaseEngine(release, () => Promise.reject(new TypeError('no unit')));
}

export interface Flashed {
  readonly plan: Plan;
  readonly outcome: Outcome;
  /** Bytes read before anything was decided. */
  readonly bytesSurveyed: number;
}

const SILENT = {
  beforeChange: () => Promise.resolve(),
  stepStarted: () => undefined,
  progress: () => undefined,
  stepFinished: () => undefined,
};

/** What a run does: survey, plan, carry out. */
export async function flash(engine: Engine, device: PageFlash, trustKept = false): Promise<Flashed> {
  const io = ioWith();
  const survey = await engine.survey(device, io, () => undefined);
  const bytesSurveyed = device.bytesRead;
  const plan = engine.plan(survey, device);
  return { plan, outcome: await engine.carryOut(plan, device, SILENT, io, { trustKept }), bytesSurveyed };
}

/** A unit that holds this, put there by nobody. */
export function unitWith(chip: ChipDescription, segments: readonly Segment[]): PageFlash {
  const device = new PageFlash(chip);
  for (const { address, data } of segments) device.at(address, data.length).set(data);
  return device;
}

/** Pages that are not blank, of those given. */
export function written(device: PageFlash, pages: readonly number[], page: number): number[] {
  return pages.filter((at) => !isFilledWith(device.at(at, page), 0xff));
}
