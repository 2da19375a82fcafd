import type { IoContext } from '#shared/base/clock.ts';
import { ChipDescription, type FlashMemory } from '#shared/model/chip.ts';
import { type Layout, layOut } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import type { PageState } from '#main/plan/page-state.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { NRF52840 } from '../bench/bench-run.ts';
import { application } from '../bench/releases.ts';

const SLOTS = 16;
const IMAGE_MIB = 16;

/** What the process holds while sixteen slots carry out an image of 16 MiB each, by devices that keep no cells of their own. */
async function measureManyImages(): Promise<object> {
  const chip = largeChip();
  const layout = layOut(chip, [application(IMAGE_MIB * 0x100000, 3)]);
  let mostMib = 0;
  const look = () => {
    mostMib = Math.max(mostMib, process.memoryUsage.rss() / 0x100000);
  };
  await Promise.all(Array.from({ length: SLOTS }, () => carryOutOn(layout, look)));
  return { slots: SLOTS, imageMib: IMAGE_MIB, mostRssMib: mostMib };
}

async function carryOutOn(layout: Layout, look: () => void): Promise<void> {
  const clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() };
  const io: IoContext = { clock, signal: new AbortController().signal };
  const device = new ObedientFlash(layout, look);
  const survey = await surveyUnit(layout, device, io);
  const hooks = {
    beforeChange: () => Promise.resolve(),
    stepStarted: look,
    progress: look,
    stepFinished: look,
  };
  await carryOut({
    plan: makePlan({ layout, survey }),
    contents: layout.contents,
    device,
    chip: layout.chip,
    hooks,
    io,
  });
}

/** Flash that holds what it was told to hold, which it looks up in the release; of its own it knows only its flag. */
class ObedientFlash implements FlashDevice {
  readonly name = 'obedient';
  readonly #layout: Layout;
  readonly #look: () => void;
  #flagIsSet = false;

  constructor(layout: Layout, look: () => void) {
    this.#layout = layout;
    this.#look = look;
  }

  survey(memory: FlashMemory, address: number, size: number): Promise<PageState[]> {
    const count = size / memory.page;
    const states = Array.from({ length: count }, (_, index) => ({
      address: address + index * memory.page,
      blank: true,
    }));
    return Promise.resolve(states);
  }

  async erase(): Promise<void> {
    await nextTurn();
  }

  async program(_memory: FlashMemory, address: number, bytes: Uint8Array): Promise<void> {
    if (address === 0 && bytes.length === 8) this.#flagIsSet = true;
    this.#look();
    await nextTurn();
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    await nextTurn();
    const bytes = this.#layout.contents.bytes(address, length);
    if (address === 0 && !this.#flagIsSet) bytes.fill(0xff, 0, 8);
    this.#look();
    return bytes;
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
}

/** Lets the other slots have their turn, as waiting for a probe would. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function largeChip(): ChipDescription {
  const flash = { ...NRF52840.memories[0], size: IMAGE_MIB * 0x100000 };
  return ChipDescription.parse({ ...NRF52840, locks: [], massErase: undefined, memories: [flash] });
}

process.stdout.write(JSON.stringify(await measureManyImages()));
