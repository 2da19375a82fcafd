import type { Command } from 'commander';
import type { IoContext } from '#shared/base/clock.ts';
import { ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import type { PageDecision, PageReason } from '#shared/model/plan.ts';
import type { Segment } from '../../image/image.ts';
import { type Layout, layOut } from '../../plan/layout.ts';
import { makePlan } from '../../plan/make-plan.ts';
import type { PageState } from '../../plan/page-state.ts';
import type { FlashDevice } from '../../programmer/flash-device.ts';
import { surveyUnit } from '../../programmer/survey-unit.ts';
import { pageStates } from '../../programmer/survey.ts';
import { realClock } from '../real-clock.ts';
import {
  blockIn,
  blockPlace,
  type BlockPlace,
  placeOptions,
  type PlaceOptions,
  readFlashImage,
  usage,
} from './checksum-block-place.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { decisionLine } from './plan-lines.ts';

interface PlanOptions extends CommonOptions, PlaceOptions {
  readonly device: string;
  readonly image: string;
  readonly blockOnly?: boolean;
}

/** Reasons that rest on a look at the pages, which a flasher with nothing but the block does not take. */
const BY_LOOKING: ReadonlySet<PageReason> = new Set(['read', 'digest', 'sample']);

export function checksumBlockPlanCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const made = command('plan', 'what a flasher would write onto a unit that holds this, page by page, and why', [
    'checksum-block plan --device read-back.hex --image new.hex --chip nrf51822',
    'checksum-block plan --device old.bin --image new.bin --address 0x2000 --at 0x20B4 --page 256 --json',
  ])
    .requiredOption('--device <file>', 'what the unit holds: a file that read made, or the old firmware')
    .requiredOption('--image <file>', 'what it shall hold')
    .option('--block-only', 'as on a wire where looking costs too much: pages of changed regions are just written');
  return placeOptions(made).action(async (options: PlanOptions) => {
    await plan(options, context);
    end(0);
  });
}

async function plan(options: PlanOptions, context: CliContext): Promise<void> {
  const place = await blockPlace(options, context);
  const [device, image] = [await readFlashImage(options.device, place), await readFlashImage(options.image, place)];
  const chip = place.chip ?? anyChip(place, image.segments);
  const layout = layOut(chip, [{ role: 'application', version: '', file: options.image, image }]);
  const io: IoContext = { clock: realClock, signal: context.signal };
  const looked = await surveyUnit(layout, new FileFlash(chip, device.segments), io);
  const survey = options.blockOnly ? withoutLooks(looked, place, layout) : looked;
  const { decisions, bytesToWrite, bytesSkipped } = makePlan({ layout, survey });
  const [unit, its] = [blockIn(device.segments, place), blockIn(image.segments, place)];
  const [written, kept] = (['write', 'keep'] as const).map((action) => pagesOf(decisions, action, flashMemories(chip)));
  if (options.json) {
    const faults = { device: 'fault' in unit ? unit : null, image: 'fault' in its ? its : null };
    context.print(
      JSON.stringify({
        type: 'checksum-block.plan',
        pages: { written, kept },
        bytesToWrite,
        bytesSkipped,
        faults,
        decisions,
      }),
    );
    return;
  }
  if ('fault' in unit) context.print(`The unit’s block does not count (${unit.fault}): ${unit.detail}`);
  if ('fault' in its) context.print(`The image’s block does not count (${its.fault}): ${its.detail}`);
  for (const decision of decisions) context.print(decisionLine(decision));
  context.print(
    `  ${written} pages to write, ${kept} kept (${bytesToWrite} bytes, ${bytesSkipped}); all of them are read back in the end`,
  );
}

/** What is known by looking is forgotten, but for the pages of block, markers and flag, which everybody looks at. */
function withoutLooks(states: readonly PageState[], { position }: BlockPlace, { chip, flags }: Layout): PageState[] {
  const own = [position, ...flags.map(({ address }) => address)];
  const isOwn = ({ address, marker }: PageState) => {
    const page = flashMemories(chip).find(({ start, size }) => address >= start && address < start + size)?.page ?? 0;
    return marker !== undefined || own.some((at) => at >= address && at < address + page);
  };
  return states.filter((state) => !state.by || !BY_LOOKING.has(state.by) || isOwn(state));
}

function pagesOf(
  decisions: readonly PageDecision[],
  action: PageDecision['action'],
  memories: readonly FlashMemory[],
): number {
  const pageOf = new Map(memories.map(({ name, page }) => [name, page]));
  return decisions
    .filter((decision) => decision.action === action)
    .reduce((sum, { memory, size }) => sum + size / (pageOf.get(memory) ?? size), 0);
}

/** A chip of which nothing is known but where its block stands: as much flash as the image needs, from where it begins. */
function anyChip({ position, memory }: BlockPlace, segments: readonly Segment[]): ChipDescription {
  const { page, erased } = memory;
  const starts = segments.map(({ address }) => address);
  const size = Math.max(...segments.map(({ address, data }) => address + data.length), position + page);
  if (size > 2 ** 31) throw usage('name the chip: the image has parts that no flash without a description has');
  const flash = {
    kind: 'flash',
    name: 'flash',
    start: 0,
    size: Math.ceil(size / page) * page,
    page,
    word: 4,
    erased,
    eraseMs: 10,
    wordUs: 10,
  };
  return ChipDescription.parse({
    schema: 1,
    id: 'any',
    name: 'any chip',
    source: 'the command line',
    memories: [{ ...flash, zeroable: true }],
    boot: { vectors: Math.min(...starts) },
    checksumBlock: { position },
  });
}

/** A unit that is a file: it can be looked at. */
class FileFlash implements FlashDevice {
  readonly name = 'file';
  readonly #chip: ChipDescription;
  readonly #segments: readonly Segment[];

  constructor(chip: ChipDescription, segments: readonly Segment[]) {
    this.#chip = chip;
    this.#segments = segments;
  }

  async survey(memory: FlashMemory, address: number, size: number) {
    return pageStates(memory, address, await this.read(address, size));
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    const memory = flashMemories(this.#chip).find(({ start, size }) => address >= start && address < start + size);
    const out = new Uint8Array(length).fill(memory?.erased ?? 0xff);
    for (const segment of this.#segments) {
      const from = Math.max(address, segment.address);
      const to = Math.min(address + length, segment.address + segment.data.length);
      if (from < to) out.set(segment.data.subarray(from - segment.address, to - segment.address), from - address);
    }
    return out;
  }

  erase(): Promise<void> {
    return Promise.reject(new RangeError('a file is not erased'));
  }

  program(): Promise<void> {
    return Promise.reject(new RangeError('a file is not programmed'));
  }

  async finish(): Promise<void> {}
}
