import { ChipDescription, flashHolding } from '#shared/model/chip.ts';
import { addChecksumBlock } from '#main/image/add-checksum-block.ts';
import { type Layout, layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import type { PageState } from '#main/plan/page-state.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import { NRF52840, newBench, runUnit } from '../bench/bench-run.ts';
import { application, image } from '../bench/releases.ts';
import { measureEspSerial } from './esp-serial.ts';
import { measureUf2 } from './uf2.ts';

const MIB = 0x10_0000;
const CHANGED = 4096;
const KIB = 1024;
const WITH_BLOCK = ChipDescription.parse({ ...NRF52840, checksumBlock: { position: 0x100 } });

/**
 * Re-flashing with little changed, in modelled time, everything read back: an nRF52840 of 1 MiB with 4 KiB changed, an ESP32 of
 * 4 MiB with 64 KiB changed, a SAM D21 by HF2 with 4 KiB changed; and the planner on an image of 16 MiB, in real time.
 */
export async function measurePartial(): Promise<object> {
  const { changed64KPercent, changed64KSeconds, fullSeconds } = await measureEspSerial();
  return {
    nrf52840: {
      withoutBlock: await reflash('high-speed', NRF52840),
      withBlock: await reflash('high-speed', WITH_BLOCK),
      withBlockByHid: await reflash('hid', WITH_BLOCK),
    },
    esp32: { changed64KPercent, changed64KSeconds, fullSeconds },
    hf2: hf2Limits(await measureUf2()),
    planner: planner(),
  };
}

/** BININFO of the boot loader says 320 bytes: 308 of flash in five reports, and one for the question (HF2, READ WORDS). */
const HF2_ANSWER = 308;
const HF2_FRAMES = 6;
const HF2_FLASH = 0x3e000;

/**
 * What the unit hashes itself is proven at the pace of its core: 0.35 s for all of it, and 0.05 s to ask. Putting the code there is 0.08 s of the survey, which it
 * makes too.
 * Reading it all back, which a unit without digests costs, would be `readBackSeconds` with a report of 64 bytes a frame and one question
 * after another, a fifth of writing everything. `reflashOfWhole` must stay below 0.10.
 */
function hf2Limits({ hf2 }: Awaited<ReturnType<typeof measureUf2>>): object {
  const { verifyKbPerS, wholeSeconds, reflashSeconds, reflashOfWhole, reflashOfWholeWithoutReadBack } = hf2;
  return {
    wholeSeconds,
    reflashSeconds,
    reflashOfWhole,
    reflashOfWholeWithoutReadBack,
    proofSeconds: HF2_FLASH / verifyKbPerS / 1000,
    readBackSeconds: HF2_FLASH / (HF2_ANSWER / HF2_FRAMES) / 1000,
  };
}

/** The last page changed; with a block behind the vectors, and its end marker where the program ends. */
async function reflash(probe: ProbeName, chip: ChipDescription): Promise<object> {
  const bench = newBench();
  await runUnit(bench, 'A', [firmware(chip, 1)], { chip, probe });
  const run = await runUnit(bench, 'A', [firmware(chip, 2)], { chip, probe });
  const flash = flashHolding(chip, 0, 1);
  const pageMs = (flash?.eraseMs ?? 0) + ((CHANGED / 4) * (flash?.wordUs ?? 0)) / 1000;
  const allMs = run.ms.connect + run.ms.identify + run.ms.survey + run.ms.carryOut + run.ms.start;
  const flashMs = run.ms.survey + run.ms.carryOut;
  return {
    flashMs,
    allMs,
    surveyMs: run.ms.survey,
    readBackMs: run.ms.verify,
    pageMs,
    toReadBackAndOnePage: flashMs / (run.ms.verify + pageMs),
    withConnectingToReadBackAndOnePage: allMs / (run.ms.verify + pageMs),
    pagesWritten: run.plan.decisions.reduce(
      (sum, { action, size }) => sum + (action === 'write' ? size / CHANGED : 0),
      0,
    ),
  };
}

function firmware(chip: ChipDescription, seed: number): ReleaseImage {
  const [segment] = application(MIB, 7).image.segments;
  const data = segment?.data ?? new Uint8Array();
  for (let at = MIB - CHANGED; at < MIB; at++) data[at] = (at * 31 + seed * 17) & 0x7f;
  const memory = flashHolding(chip, 0, 1);
  const position = chip.checksumBlock?.position;
  if (position === undefined || !memory) return image('application', { address: 0, data });
  data.fill(0xff, position, position + 0x100);
  data.fill(0xff, MIB - 4);
  const regions = [{ address: 0, size: MIB - CHANGED }];
  const options = { position, memory, frequent: false, mayGrow: true, markerAt: MIB - 4, regions };
  return image('application', ...addChecksumBlock({ segments: [{ address: 0, data }], ...options }).segments);
}

/** One plan of 16 MiB in pages of 4 KiB, one of which differs: the time of the best of some, and the memory of one. */
function planner(): object {
  const size = 16 * MIB;
  const flash = {
    kind: 'flash',
    name: 'flash',
    start: 0,
    size,
    page: 4 * KIB,
    word: 4,
    erased: 0xff,
    eraseMs: 45,
    wordUs: 10,
  };
  const chip = ChipDescription.parse({
    ...NRF52840,
    massErase: undefined,
    memories: [{ ...flash, zeroable: true }],
    locks: [],
  });
  const layout = layOut(chip, [application(size, 3)]);
  const survey = layout.pages.map(({ address, digest }, index): PageState => ({
    address,
    blank: false,
    digest: digest + Number(index === 99),
  }));
  const times = Array.from({ length: 7 }, () => timed(layout, survey));
  const before = process.memoryUsage();
  makePlan({ layout, survey });
  const after = process.memoryUsage();
  const grown = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
  return {
    imageMib: 16,
    pages: survey.length,
    bestMs: Math.min(...times),
    worstMs: Math.max(...times),
    grownMib: grown / MIB,
  };
}

function timed(layout: Layout, survey: readonly PageState[]): number {
  const begun = performance.now();
  makePlan({ layout, survey });
  return performance.now() - begun;
}
